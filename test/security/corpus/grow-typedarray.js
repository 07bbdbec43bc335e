// what: memory that grows without end: typedarray
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  let a = new Uint8Array(1024 * 1024);
  const kept = [];
  for (;;) {
    kept.push(Uint8Array.from(a), a.slice(), new Float64Array(a));
    a = new Uint8Array(a.length + 1024);
  }
}
