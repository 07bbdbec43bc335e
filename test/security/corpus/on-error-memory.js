// what: on_error takes all memory after a failed tick
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw new Error('first');
}
export function on_error() {
  const kept = [];
  for (;;) kept.push(new Array(10_000).fill(7));
}
