// what: memory that grows without end: weakmap
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  const map = new WeakMap();
  for (;;) {
    const key = {};
    kept.push(key);
    map.set(key, new Array(50).fill(key));
  }
}
