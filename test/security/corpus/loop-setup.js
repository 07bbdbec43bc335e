// what: an endless loop in setup
// expect: timeout
export function setup(ctx) {
  ctx.state.set('before', 'kept');
  for (;;);
}
export function tick() {}
