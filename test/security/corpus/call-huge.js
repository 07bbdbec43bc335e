// what: one call whose arguments are larger than a frame, after escaping
// expect: error, memory
// memoryMiB: 512
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  await ctx.probe.echo('\u0001"'.repeat(1.2e7));
}
