// what: traps that never end, handed to ctx
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  ctx.log.info(new Proxy({}, { ownKeys() { for (;;); } }));
}
