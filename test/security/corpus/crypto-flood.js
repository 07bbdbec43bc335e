// what: random bytes without end
// expect: timeout, ok, error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (;;) crypto.getRandomValues(new Uint8Array(65536));
}
