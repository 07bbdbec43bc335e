// what: calls and logs from a microtask after the end
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  ctx.probe.echo(1).then(() => ctx.probe.echo(2)).then(() => ctx.log.info('late'));
}
