// what: global names of the language declared anew by indirect eval, while ctx is in use
// expect: ok, error
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (const text of ['var JSON = 1', 'function Promise() {}', 'let tick = 1', 'const undefined = 1', 'class Map {}', 'var globalThis = {}', 'let ctx = 1', 'var Reflect = null, Object = null'])
    try {
      (0, eval)(text);
    } catch {}
  ctx.state.set('a', { b: 1 });
  ctx.log.info('x', { b: 1 });
  await ctx.probe.echo(1);
}
