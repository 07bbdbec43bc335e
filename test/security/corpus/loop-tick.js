// what: an endless loop in tick
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (;;);
}
