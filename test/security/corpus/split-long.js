// what: the longest string there is, split into its characters and matched
// expect: memory, crash, error, timeout
// timeoutMs: 8000
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  // It may take its cell down before the first look at its journal.
  await ctx.state.flush();
  const text = 'ab'.repeat(2 ** 27);
  return [text.split(''), text.match(/./g), [...text]].length;
}
