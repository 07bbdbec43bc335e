// what: a hundred thousand rejections that nobody handles
// expect: error, timeout
// timeoutMs: 3000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 1e5; i++) Promise.reject(new Error(`rejection ${i}`));
}
