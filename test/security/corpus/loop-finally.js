// what: a finally block that never ends
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  try {
    for (;;);
  } finally {
    for (;;);
  }
}
