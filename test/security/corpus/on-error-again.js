// what: on_error loops after every tick, until the limit of errors
// expect: error
// maxErrors: 3
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw new Error('again');
}
export async function on_error(ctx) {
  await ctx.probe.echo(1);
  for (;;);
}
