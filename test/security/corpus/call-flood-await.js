// what: calls one after another beyond the limit of a tick
// expect: error
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 1e6; i++) await ctx.probe.echo(i);
}
