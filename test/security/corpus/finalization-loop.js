// what: a finalization callback that never ends, which the collector calls between two ticks
// expect: ok
// intervalMs: 10000
// idleCpuMs: 30
const registry = new FinalizationRegistry(() => {
  for (;;);
});
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 1000; i++) registry.register({ i }, i);
  for (let i = 0; i < 200; i++) new Array(20_000).fill(i);
}
