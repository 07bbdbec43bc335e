// what: queueMicrotask that queues itself
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const again = () => queueMicrotask(again);
  again();
}
