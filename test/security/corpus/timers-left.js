// what: timers, intervals and promises that are left running after the tick, and set again
// expect: ok
// intervalMs: 10000
// idleCpuMs: 30
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const again = () => setTimeout(again, 0);
  for (let i = 0; i < 100; i++) again();
  setInterval(() => ctx.state.set('found', ['a timer outlived its tick']), 1);
  const chain = async () => {
    for (;;) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  chain();
  Promise.resolve().then(() => setInterval(again, 1));
}
