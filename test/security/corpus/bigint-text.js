// what: the decimal text of a huge BigInt
// expect: timeout, memory, error, crash
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const n = 7n ** 4000000n;
  for (;;) String(n);
}
