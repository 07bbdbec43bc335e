// what: features of the language that have crashed engines
// expect: ok, error, timeout, crash
// timeoutMs: 3000
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const codes = ['Array.fromAsync({ length: 3, 0: { then() {} } })', 'Iterator.from({ next() { return this; } }).flatMap(() => []).toArray()', 'new (class extends null {})', '"x".replaceAll(/(?<a>x)|(?<a>y)/g, "$<a>")', 'Object.groupBy([1], () => Symbol.iterator)', 'new Intl.Segmenter().segment("x".repeat(1e5))[Symbol.iterator]().next()', '(function* f() { yield* f(); })().next()', 'Reflect.construct(Promise, [() => {}], Proxy)', 'new Proxy(class {}, new Proxy({}, { get() { throw 1; } }))', 'Temporal.Now.instant()'];
  for (const code of codes) {
    try {
      await Promise.race([(0, eval)(code), 1]);
    } catch {}
  }
}
