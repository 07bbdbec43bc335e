// what: memory that grows without end: intl
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  for (;;) kept.push(new Intl.DateTimeFormat('en', { timeZone: 'UTC' }).formatToParts(0));
}
