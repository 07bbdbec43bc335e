// what: a million keys
// expect: error
// timeoutMs: 5000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 1e6; i++) ctx.state.set(`key ${i}`, i);
}
