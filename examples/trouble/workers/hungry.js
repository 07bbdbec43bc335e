/** Leaks: fills memory without end. */
const kept = [];

export function tick(ctx) {
  ctx.log.info('eating');
  for (;;) kept.push(new Array(1_000).fill(ctx.worker.tick));
}
