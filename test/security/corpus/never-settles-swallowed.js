// what: waits that swallow the refusal at the time limit and wait again
// expect: timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (;;) {
    try {
      await ctx.probe.never(1);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
