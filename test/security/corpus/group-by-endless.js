// what: Object.groupBy and Map.groupBy over iterators without end
// expect: memory, timeout, crash
// timeoutMs: 4000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  let i = 0;
  const endless = { [Symbol.iterator]: () => ({ next: () => ({ done: false, value: i++ }) }) };
  return Map.groupBy(endless, (n) => `key ${n}`);
}
