// what: a leak that happens in timers, while the tick seems to wait
// expect: memory, crash, timeout
// timeoutMs: 8000
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  await new Promise(() => setInterval(() => kept.push(new Array(100_000).fill(kept.length)), 1));
}
