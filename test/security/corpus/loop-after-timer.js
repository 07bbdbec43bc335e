// what: an endless loop in the callback of a timer
// expect: timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (;;);
}
