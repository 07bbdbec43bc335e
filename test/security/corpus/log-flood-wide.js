// what: lines and fields as long as they may be, as many as it can
// expect: ok, timeout, memory
// timeoutMs: 3000
// logs: 1010
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  // Its cell may be ended before what is written next has left it.
  await ctx.state.flush();
  const text = '\u0001'.repeat(10_000);
  for (let i = 0; i < 1e5; i++) ctx.log.error(text, { text: 'y'.repeat(9_900) });
}
