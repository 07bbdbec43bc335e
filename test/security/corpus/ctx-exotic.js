// what: proxies, getters, revoked and cyclic things handed to every function of ctx
// expect: ok
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const refuse = () => {
    throw new Error('trap');
  };
  const cyclic = [];
  cyclic.push(cyclic);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const exotic = [undefined, null, NaN, 1n, Symbol('x'), () => 1, cyclic, proxy, new Proxy({}, { get: refuse, ownKeys: refuse, getPrototypeOf: refuse }), new Proxy({ value: 1 }, {}), Object.create(null), { get value() { return refuse(); } }, { toJSON: refuse }, new Date(NaN), /x/, new Uint8Array(8), new ArrayBuffer(8).transfer(), new Map(), 'x'.repeat(1e5), '\ud800', { value: { then() {} } }, new Proxy(() => 1, {}), Object.assign(() => 1, { toString: refuse })];
  for (const holder of [ctx.state, ctx.log, ctx.probe, ctx.http])
    for (const name of Object.keys(holder))
      for (const one of exotic) {
        if (name === 'never') continue;
        for (const args of [[one], [one, one], ['x', one], [{ [one === null ? 'x' : 'value']: one }]]) {
          try {
            const result = holder[name](...args);
            if (typeof result?.then === 'function') await Promise.race([result, 1]).catch(() => {});
          } catch {}
        }
      }
}
