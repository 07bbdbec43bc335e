// what: a rejection that nobody handles, with getters that never end
// expect: timeout, error, crash
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const error = new Error('x');
  Object.defineProperty(error, 'message', { get() { for (;;); } });
  Object.defineProperty(error, 'stack', { get() { for (;;); } });
  Object.defineProperty(error, 'name', { get() { for (;;); } });
  Promise.reject(error);
}
