// what: a loop that catches everything and goes on
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (;;) {
    try {
      for (;;) null.x;
    } catch {}
  }
}
