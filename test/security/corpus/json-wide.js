// what: JSON text of a value that shares its parts
// expect: memory, error, timeout, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  let a = ['x'];
  for (let i = 0; i < 40; i++) a = [a, a];
  JSON.stringify(a);
}
