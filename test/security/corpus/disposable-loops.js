// what: disposers that throw in a chain, add to their own stack and never end
// expect: timeout, error, memory, crash
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  try {
    using stack = new DisposableStack();
    for (let i = 0; i < 20_000; i++)
      stack.defer(() => {
        throw new Error(`disposer ${i}`);
      });
  } catch {}
  await using last = new AsyncDisposableStack();
  last.defer(() => {
    for (;;);
  });
}
