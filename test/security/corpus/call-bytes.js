// what: large arguments, one awaited call after the other, until the node has read hundreds of megabytes in one tick
// expect: error
// timeoutMs: 20000
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const text = 'x'.repeat(4_000_000);
  let calls = 0;
  try {
    for (; calls < 100; calls++) await ctx.probe.echo(text);
  } catch (error) {
    const expected = error.code === 'CALL_LIMIT' && calls >= 5 && calls <= 8;
    if (!expected) ctx.state.set('found', [`${error.code} after ${calls} calls`]);
    throw error;
  }
  ctx.state.set('found', ['no limit']);
}
