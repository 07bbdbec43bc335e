// what: megabytes of updates that may not be torn
// expect: timeout
// timeoutMs: 2000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const values = {};
  for (let i = 0; i < 20; i++) values[`key ${i}`] = '\u0001"'.repeat(30 * 1024);
  for (;;) ctx.state.update(values);
}
