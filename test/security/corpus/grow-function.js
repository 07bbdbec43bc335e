// what: memory that grows without end: function
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  for (let i = 0; ; i++) kept.push(new Function(`return ${i} + ${'1 + '.repeat(100)} 1`));
}
