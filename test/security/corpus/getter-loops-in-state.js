// what: a getter that never ends, in a state value
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  ctx.state.set('a', { get b() { for (;;); } });
}
