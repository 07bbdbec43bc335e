// what: memory that grows without end: map
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = new Map();
  for (let i = 0; ; i++) kept.set(i, { i });
}
