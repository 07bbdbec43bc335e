// what: return values that cannot leave the sandbox
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const cyclic = {};
  cyclic.self = cyclic;
  return [cyclic, () => 1, new Proxy({}, {}), 'x'.repeat(1e6), Symbol('x')][Math.floor(Math.random() * 5)];
}
