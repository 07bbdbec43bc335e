// what: endless iterators through every helper
// expect: timeout, memory, crash
// timeoutMs: 4000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  function* endless() {
    for (let i = 0; ; i++) yield i;
  }
  Iterator.from(endless()).take(1e5).drop(10).filter((n) => n % 2).map((n) => [n]).flatMap((n) => n).toArray();
  return Iterator.from(endless()).map((n) => new Array(10).fill(n)).toArray();
}
