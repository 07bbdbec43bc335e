// what: getters and toJSON that write, delete, flush and call while their own value is being written
// expect: ok, error
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  let depth = 0;
  const value = {
    get a() {
      if (depth++ < 20) ctx.state.set('v', value);
      ctx.state.delete('v');
      ctx.state.update({ v: 1, w: 2 });
      void ctx.state.flush();
      return 1;
    },
    toJSON() {
      ctx.log.info('inside', { depth });
      void ctx.probe.echo(depth).catch(() => {});
      return { b: ctx.state.getAll() };
    },
  };
  try {
    ctx.state.set('v', value);
    ctx.state.update({ v: value, w: value });
    await ctx.probe.echo(value);
  } catch {}
  ctx.state.set('v', 'last');
  await ctx.state.flush();
  if (ctx.state.get('v') !== 'last') found.push('the last write was lost');
  ctx.state.set('found', found);
}
