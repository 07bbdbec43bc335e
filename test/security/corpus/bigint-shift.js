// what: shifts, powers and wraps to the largest BigInts there are
// expect: ok, error, memory, timeout, crash
// timeoutMs: 3000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  for (const make of [() => 1n << (2n ** 30n), () => 1n << (2n ** 30n - 64n), () => BigInt.asUintN(2 ** 53 - 1, -1n), () => -1n >> (2n ** 64n), () => BigInt('9'.repeat(1e7)), () => 2n ** (2n ** 29n)])
    try {
      kept.push(make());
    } catch {}
  for (let i = 0; i < 100; i++)
    try {
      kept.push(1n << 500_000_000n);
    } catch {}
}
