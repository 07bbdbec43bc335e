// what: a value that is one byte too large, and many that together are
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  ctx.state.set('a', 'x'.repeat(512 * 1024));
}
