// what: a million timers, each cleared at once, and a thousand that stay
// expect: timeout, error
// timeoutMs: 3000
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 1e6; i++) clearTimeout(setTimeout(() => {}, 1e6));
  for (let i = 0; i < 1000; i++) setInterval(() => {}, 1);
  await ctx.probe.never(1);
}
