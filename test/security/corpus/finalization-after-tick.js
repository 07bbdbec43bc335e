// what: a finalization callback that never ends, and one that brings objects back, when the collector runs between ticks
// expect: ok, timeout, error
// ticks: 4
const registry = new FinalizationRegistry((held) => {
  registry.register({}, held);
  for (;;);
});
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 1000; i++) registry.register({ i }, i);
  let garbage = [];
  for (let i = 0; i < 200; i++) garbage = new Array(20_000).fill(i);
  return garbage.length;
}
