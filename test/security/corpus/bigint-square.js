// what: a BigInt that is squared for ever
// expect: timeout, memory, error, crash
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  let n = 3n;
  for (;;) n *= n;
}
