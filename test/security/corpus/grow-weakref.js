// what: memory that grows without end: weakref
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  for (;;) kept.push(new WeakRef({ kept }));
}
