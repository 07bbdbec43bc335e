// what: a million log lines
// expect: ok, timeout
// timeoutMs: 5000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 1e6; i++) ctx.log.info(`line ${i}`);
}
