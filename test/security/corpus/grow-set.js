// what: memory that grows without end: set
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = new Set();
  for (let i = 0; ; i++) kept.add(`value ${i}`);
}
