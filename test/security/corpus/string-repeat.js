// what: strings of the greatest length, flattened
// expect: memory, error, timeout, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const long = 'x'.repeat(2 ** 29 - 24);
  return [...long, long.padEnd(2 ** 29 - 24, 'y')].length;
}
