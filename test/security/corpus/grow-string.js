// what: memory that grows without end: string
// expect: memory, timeout, error, crash
// timeoutMs: 8000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  let s = 'x';
  const kept = [];
  for (;;) {
    s += `${s}y`;
    kept.push(s.charCodeAt(s.length >> 1), s.split('x').length);
  }
}
