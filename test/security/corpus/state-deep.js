// what: a value that is nested ten thousand levels deep
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  let a = [];
  for (let i = 0; i < 1e4; i++) a = [a];
  ctx.state.set('deep', a);
}
