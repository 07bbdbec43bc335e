// what: memory that grows without end: arraybuffer
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  for (;;) kept.push(new ArrayBuffer(8 * 1024 * 1024));
}
