// what: a million calls without await
// expect: error, memory, timeout
// timeoutMs: 5000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 1e6; i++) ctx.probe.echo(i);
}
