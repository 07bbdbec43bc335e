// what: a timer whose callback never ends
// expect: timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  setTimeout(() => {
    for (;;);
  }, 1);
  await ctx.probe.never(1);
}
