// what: memory that grows without end: join
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const part = 'x'.repeat(1000);
  const kept = [];
  for (;;) kept.push(new Array(5000).fill(part).join(','));
}
