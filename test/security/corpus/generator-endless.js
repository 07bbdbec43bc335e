// what: an endless generator in a spread
// expect: memory, timeout
// timeoutMs: 5000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  function* endless() {
    for (;;) yield 1;
  }
  return [...endless()];
}
