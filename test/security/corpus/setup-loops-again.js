// what: a setup that never ends, until the limit of errors
// expect: timeout
// maxErrors: 3
export function setup(ctx) {
  ctx.state.set('before', 'kept');
  for (;;);
}
export function tick() {}
