// what: finalization callbacks that register again for ever, to work between ticks
// expect: ok
// intervalMs: 10000
// idleCpuMs: 30
const registry = new FinalizationRegistry((held) => {
  for (let i = 0; i < 100; i++) registry.register(new Array(1000).fill(held), held);
});
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 10_000; i++) registry.register({ i }, i);
  for (let i = 0; i < 100; i++) new Array(50_000).fill(i);
}
