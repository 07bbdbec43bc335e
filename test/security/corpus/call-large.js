// what: calls whose arguments together are larger than a frame
// expect: error, ok, memory
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const value = 'x'.repeat(4e6);
  for (let i = 0; i < 32; i++) ctx.probe.echo(value);
}
