/** Minds its own business. */
export function tick(ctx) {
  const count = ctx.state.get('count', 0) + 1;
  ctx.state.set('count', count);
  ctx.log.info(`still here, ${count}`);
}
