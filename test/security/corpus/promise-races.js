// what: races and combinations that keep every loser alive
// expect: memory, timeout, crash
// timeoutMs: 5000
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const never = Promise.withResolvers().promise;
  for (;;) await Promise.race([never, Promise.try(() => new Array(1000).fill(1)), Promise.any([never, 1]), Promise.allSettled([1, 2])]);
}
