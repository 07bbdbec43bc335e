// what: an endless loop in on_error after a failed tick
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw new Error('first');
}
export function on_error() {
  for (;;);
}
