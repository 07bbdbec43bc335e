// what: a loop behind the refusal that the time limit brings
// expect: timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  try {
    await ctx.probe.never(1);
  } catch {
    for (;;);
  }
}
