// what: text and base64 of sizes that do not fit
// expect: memory, error, timeout, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const bytes = new TextEncoder().encode('\u4e00'.repeat(8e6));
  const kept = [];
  for (;;) kept.push(new TextDecoder().decode(bytes), btoa('x'.repeat(1e6)));
}
