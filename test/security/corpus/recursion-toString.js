// what: recursion through conversions that the prelude makes
// expect: error, ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const a = [];
  a[0] = a;
  ctx.log.info(a, { a });
  const o = { toJSON: () => JSON.stringify(o) };
  ctx.log.info(o);
  ctx.state.set('a', o);
}
