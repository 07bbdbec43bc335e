// what: a promise that never settles
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  return new Promise(() => {});
}
