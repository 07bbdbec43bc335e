// what: memory that grows without end: finalization
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const registry = new FinalizationRegistry(() => {});
  const kept = [];
  for (;;) {
    const target = {};
    kept.push(target);
    registry.register(target, new Array(20).fill(0));
  }
}
