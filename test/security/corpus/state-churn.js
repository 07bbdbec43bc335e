// what: megabytes of writes, again and again
// expect: timeout, ok
// timeoutMs: 2000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (;;) for (let i = 0; i < 20; i++) ctx.state.set(`key ${i}`, 'x'.repeat(100 * 1024));
}
