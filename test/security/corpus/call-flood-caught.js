// what: calls without await whose refusals are swallowed
// expect: ok, timeout, memory
// timeoutMs: 3000
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 2e5; i++) ctx.probe.never(i).catch(() => {});
  await ctx.probe.echo(1).catch(() => {});
}
