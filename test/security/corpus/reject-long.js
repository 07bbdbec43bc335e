// what: an unhandled rejection with a long message and a long stack
// expect: error, memory
// stack: own
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const error = new Error('x'.repeat(1e7));
  error.stack = 'y'.repeat(1e7);
  Promise.reject(error);
}
