// what: an error with a message of ten million characters
// expect: error, memory
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw new Error('x'.repeat(1e7));
}
