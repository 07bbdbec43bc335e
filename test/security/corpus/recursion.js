// what: recursion without end
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const deeper = () => deeper() + 1;
  deeper();
}
