// what: a pattern that backtracks without end
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  /^(a+)+$/.test(`${'a'.repeat(60)}!`);
}
