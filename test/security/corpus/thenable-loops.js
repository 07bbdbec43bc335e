// what: a returned thenable whose then never ends
// expect: timeout, ok
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  return {
    then() {
      for (;;);
    },
  };
}
