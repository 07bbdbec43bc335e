// what: keys whose conversion never ends
// expect: timeout, error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  ctx.state.set({ toString() { for (;;); }, [Symbol.toPrimitive]() { for (;;); } }, 1);
}
