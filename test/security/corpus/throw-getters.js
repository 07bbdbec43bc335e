// what: an error whose message and stack are getters that never end
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const error = new Error('x');
  Object.defineProperty(error, 'message', { get() { for (;;); } });
  Object.defineProperty(error, 'stack', { get() { for (;;); } });
  throw error;
}
