// what: a comparator that never ends
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  [1, 2, 3].sort(() => {
    for (;;);
  });
}
