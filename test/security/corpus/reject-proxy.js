// what: a rejection with a Proxy that nobody handles
// expect: timeout, error, crash
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  Promise.reject(new Proxy(new Error('x'), { get() { for (;;); } }));
}
