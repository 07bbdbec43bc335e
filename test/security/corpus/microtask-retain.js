// what: microtasks that keep what they make
// expect: memory, timeout
// timeoutMs: 5000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  const again = () => {
    kept.push(new Array(100).fill(kept.length));
    return Promise.resolve().then(again);
  };
  again();
}
