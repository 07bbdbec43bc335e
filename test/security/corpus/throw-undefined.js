// what: a thrown value that is no error: undefined
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw undefined;
}
