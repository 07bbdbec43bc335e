// what: a thrown value that is no error: promise
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw Promise.reject(new Error("inner"));
}
