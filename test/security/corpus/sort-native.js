// what: typed arrays sorted, copied and searched in native code
// expect: timeout, memory, error, crash
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const numbers = new Float64Array(2e6).map((_, i) => Math.sin(i));
  for (;;) {
    numbers.toSorted();
    numbers.toReversed().copyWithin(1, 0).lastIndexOf(2);
  }
}
