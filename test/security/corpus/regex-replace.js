// what: backtracking in replace with a nested quantifier
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  `${'x'.repeat(80)}y`.replace(/(x+x+)+z/g, '');
}
