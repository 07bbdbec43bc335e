// what: sixty million elements in one call
// expect: memory, error, timeout, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  return new Array(60 * 1024 * 1024).fill(1);
}
