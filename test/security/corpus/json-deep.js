// what: JSON text of five million brackets
// expect: memory, error, timeout, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  JSON.parse('['.repeat(5e6));
}
