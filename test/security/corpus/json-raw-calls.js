// what: JSON.rawJSON in state, fields and arguments: huge numbers, odd texts, and what is not JSON
// expect: ok, error
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const raws = ['1e999999', '0.'.padEnd(100_000, '1'), '"\\u0000\\ud800"', '-0', 'true', '9'.repeat(100_000)].map((text) => JSON.rawJSON(text));
  for (const raw of raws) {
    try {
      ctx.state.set('raw', { raw });
      ctx.log.info('raw', { raw });
      await ctx.probe.echo(raw);
    } catch {}
  }
  for (const text of ['{}', '[1]', '', ' 1', '1,"found":[1]'])
    try {
      JSON.rawJSON(text);
      ctx.state.set('found', [text]);
    } catch {}
  ctx.state.delete('raw');
}
