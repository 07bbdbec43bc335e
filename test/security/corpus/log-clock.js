// what: a clock that runs fast for the window in which log lines are counted
// expect: ok, timeout
// timeoutMs: 3000
// logs: 1010
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  let at = 0;
  Date.now = () => (at += 60_000);
  globalThis.Date = class extends Date {
    static now = () => (at += 60_000);
  };
  for (let i = 0; i < 1e5; i++) ctx.log.info(`line ${i}`);
}
