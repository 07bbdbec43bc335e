// what: on_error kills its cell after a failed tick
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw new Error('first');
}
export function on_error() {
  return Array.from({ length: 2 ** 32 - 1 });
}
