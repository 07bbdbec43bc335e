// what: a thrown value that is no error: bigint
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw 10n ** 1000n;
}
