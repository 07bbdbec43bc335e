// what: Array.fromAsync over endless async iterators and over thenables that never end
// expect: timeout, memory, crash
// timeoutMs: 3000
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  async function* endless() {
    for (;;) yield { then: (done) => done(new Array(100).fill(1)) };
  }
  await Promise.all([Array.fromAsync(endless()), Array.fromAsync({ length: 2 ** 40, get 0() { return Promise.resolve(1); } })]);
}
