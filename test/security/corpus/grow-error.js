// what: memory that grows without end: error
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  Error.stackTraceLimit = 1000;
  const deep = (n) => (n === 0 ? kept.push(new Error('x').stack) : deep(n - 1));
  for (;;) deep(500);
}
