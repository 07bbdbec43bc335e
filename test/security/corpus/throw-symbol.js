// what: a thrown value that is no error: symbol
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw Symbol('x');
}
