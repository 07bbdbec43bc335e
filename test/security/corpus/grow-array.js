// what: memory that grows without end: array
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  for (;;) kept.push(new Array(1000).fill(kept.length));
}
