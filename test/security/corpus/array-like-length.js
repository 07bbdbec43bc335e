// what: functions of arrays on things that only claim their length
// expect: timeout, error, memory, crash
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const claims = { length: Number.MAX_SAFE_INTEGER };
  const sparse = [];
  sparse[2 ** 32 - 2] = 1;
  for (const use of [() => sparse.lastIndexOf(2), () => sparse.sort(), () => sparse.toSorted, () => Array.prototype.includes.call(claims, 1), () => Array.prototype.unshift.call(claims, 1), () => Array.prototype.reverse.call(claims)])
    try {
      use();
    } catch {}
}
