// what: a thrown Proxy whose traps never end
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw new Proxy({}, { get() { for (;;); }, getPrototypeOf() { for (;;); }, has() { for (;;); } });
}
