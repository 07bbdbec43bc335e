// what: a helper that searches an endless iterator in native code
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const same = { done: false, value: 1 };
  return Iterator.from({ next: () => same }).drop(Number.MAX_SAFE_INTEGER).next();
}
