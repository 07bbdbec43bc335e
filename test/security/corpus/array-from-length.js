// what: Array.from of the greatest length there is
// expect: memory, error, timeout, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  return Array.from({ length: 2 ** 32 - 1 });
}
