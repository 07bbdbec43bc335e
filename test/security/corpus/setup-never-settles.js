// what: a setup that waits for a promise that never settles and swallows every refusal
// expect: timeout
export async function setup(ctx) {
  ctx.state.set('before', 'kept');
  for (;;) await ctx.probe.never(1).catch(() => new Promise(() => {}));
}
export function tick() {}
