// what: a thrown value that is no error: function
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw () => 1;
}
