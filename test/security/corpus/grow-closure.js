// what: memory that grows without end: closure
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  let last = () => 0;
  for (;;) {
    const before = last;
    last = () => before;
  }
}
