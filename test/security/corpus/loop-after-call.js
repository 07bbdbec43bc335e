// what: an endless loop behind an awaited call
// expect: timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  await ctx.probe.echo(1);
  for (;;);
}
