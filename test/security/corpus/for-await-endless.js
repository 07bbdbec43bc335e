// what: an endless async generator
// expect: timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  async function* endless() {
    for (;;) yield 1;
  }
  for await (const one of endless()) if (one === 2) break;
}
