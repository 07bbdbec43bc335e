// what: memory that grows without end: symbol
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  for (let i = 0; ; i++) kept.push(Symbol.for(`symbol ${i}`));
}
