/** Loops for ever. What it wrote before is kept. */
export function tick(ctx) {
  ctx.state.set('attempts', ctx.state.get('attempts', 0) + 1);
  for (;;);
}

export function onError(ctx, error) {
  ctx.log.warn(`${error.name}: attempt ${ctx.state.get('attempts')} took too long`);
}
