// what: memory that grows without end: object
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = {};
  for (let i = 0; ; i++) kept[`key${i}`] = { i };
}
