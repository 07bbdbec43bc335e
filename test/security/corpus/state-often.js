// what: a hundred thousand writes of one key, then a loop
// expect: timeout
// timeoutMs: 2000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 1e5; i++) ctx.state.set('n', i);
  for (;;);
}
