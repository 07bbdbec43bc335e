// what: a thrown value that is no error: null-prototype
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw Object.create(null);
}
