// what: microtasks that queue themselves
// expect: timeout, memory
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const again = () => Promise.resolve().then(again);
  again();
}
