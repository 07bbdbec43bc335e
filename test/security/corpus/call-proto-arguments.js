// what: arguments with prototype keys
// expect: ok, error
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  await ctx.probe.echo(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}'));
  await ctx.probe.echo({ value: 1, polluted: 1 }).catch(() => {});
  await ctx.http.get('http://127.0.0.1/', { headers: JSON.parse('{"__proto__": "x", "constructor": "y"}') }).catch(() => {});
  ctx.log.info('x', JSON.parse('{"__proto__": {"polluted": 1}}'));
}
