// what: next and Symbol.iterator of every built-in iterator replaced by ones that lie, add and never end
// expect: ok, error, timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const ends = [[][Symbol.iterator](), new Map()[Symbol.iterator](), new Set()[Symbol.iterator](), ''[Symbol.iterator](), 'a'.matchAll(/a/g)];
  for (const one of ends) {
    const proto = Object.getPrototypeOf(one);
    const next = proto.next;
    let extra = 3;
    proto.next = function () {
      const answer = next.call(this);
      if (!answer.done || extra-- <= 0) return answer;
      return { done: false, value: ['found', '["through an iterator"]'] };
    };
  }
  Iterator.prototype[Symbol.iterator] = function* () {
    yield ['found', '["through Iterator.prototype"]'];
  };
  ctx.state.update({ a: 1, b: 2 });
  ctx.log.info('x', { a: [1, 2] });
  await ctx.probe.echo({ a: [1, 2] });
  await ctx.state.flush();
}
