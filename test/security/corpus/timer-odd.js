// what: timers with delays and callbacks that are none
// expect: ok, error
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (const ms of [NaN, -1, -Infinity, Infinity, 2 ** 53, 2 ** 31, 1e308, '1', null, {}, { valueOf: () => 1 }])
    for (const make of [setTimeout, setInterval]) clearTimeout(make(() => {}, ms));
  for (const callback of [undefined, null, 'process.exit()', {}, new Proxy(() => {}, { apply() { throw new Error('trap'); } })])
    try {
      setTimeout(callback, 1);
    } catch {}
  for (const id of [NaN, -1, 2 ** 53, '1', {}, Symbol.iterator, 1e9])
    try {
      clearTimeout(id);
    } catch {}
  await new Promise((resolve) => setTimeout(resolve, 10));
}
