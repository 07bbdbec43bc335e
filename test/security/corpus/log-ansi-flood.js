// what: a flood of lines that move cursors, set titles, forge lines and reverse text
// expect: ok, timeout
// timeoutMs: 3000
// logs: 1010
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const lines = ['\u001b[2J\u001b[H', '\u001b]0;owned\u0007', '\r\n2026-01-01 ERROR forged', '\u009b31m', '\u202egnol', '\u0000', '\u2028\u2029', '\u001b]8;;http://127.0.0.1\u0007x'];
  for (let i = 0; i < 2e5; i++) ctx.log.warn(lines[i % lines.length], { line: lines[(i + 1) % lines.length] });
}
