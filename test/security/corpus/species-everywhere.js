// what: Symbol.species on everything that has one, with constructors that never end or return host-like things
// expect: ok, error, timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  class Evil {
    constructor(...args) {
      if (typeof args[0] === 'function') args[0](() => {}, () => {});
      return new Proxy(this, { get: () => undefined, defineProperty: () => true });
    }
  }
  for (const kind of [Array, Map, Set, RegExp, Promise, ArrayBuffer, Object.getPrototypeOf(Uint8Array)]) {
    try {
      Object.defineProperty(kind, Symbol.species, { get: () => Evil, configurable: true });
    } catch {}
  }
  ctx.state.set('a', [1, 2, 3]);
  ctx.log.info('x', { list: [1, 2, 3].map((x) => x) });
  await ctx.probe.echo([1, 2, 3].slice(1));
  await ctx.state.flush();
}
