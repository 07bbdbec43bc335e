// what: using declarations and disposable stacks, which have crashed V8
// expect: ok, error, crash, timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const code = `(async () => {
    for (let i = 0; i < 1000; i++) {
      { using a = { [Symbol.dispose]() { throw new Error('dispose'); } }; }
    }
  })().catch(() => {});
  (async () => { await using b = { async [Symbol.asyncDispose]() { throw new Error('x'); } }; throw new Error('y'); })().catch(() => {});
  const stack = new DisposableStack(); stack.defer(() => { throw 1; }); stack.defer(() => { throw 2; });
  try { stack.dispose(); } catch {}
  `;
  (0, eval)(code);
  await new AsyncDisposableStack().disposeAsync();
}
