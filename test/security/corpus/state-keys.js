// what: a million keys
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 1e6; i++) ctx.state.set(`key ${i}`, i);
}
