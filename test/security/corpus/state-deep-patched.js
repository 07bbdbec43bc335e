// what: a value that is nested too deeply, after Math.max was replaced
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  Math.max = () => 0;
  let a = [];
  for (let i = 0; i < 1000; i++) a = [a];
  ctx.state.set('deep', a);
}
