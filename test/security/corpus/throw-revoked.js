// what: a thrown Proxy that was revoked
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  throw proxy;
}
