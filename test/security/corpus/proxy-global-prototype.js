// what: Proxies as prototypes of the globals, of functions and of ctx
// expect: ok, error, timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const evil = (target) => new Proxy(Object.create(null), {
    get: (_target, key) => (key === 'polluted' || typeof key === 'symbol' ? undefined : () => target),
    has: () => true,
    getPrototypeOf: () => null,
    set: () => true,
  });
  for (const one of [globalThis, Object.prototype, Function.prototype, Array.prototype, Error.prototype, ctx, ctx.state, Promise.prototype])
    try {
      Object.setPrototypeOf(one, evil(one));
    } catch {}
  ctx.state.set('a', { b: [1] });
  ctx.log.info('x', { y: 1 });
  await ctx.probe.echo({ z: 1 });
}
