// what: getters on Promise.prototype.then and constructor that throw, loop through microtasks and hand out thenables
// expect: ok, error, timeout
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const then = Promise.prototype.then;
  let seen = 0;
  Object.defineProperty(Promise.prototype, 'then', {
    get() {
      seen += 1;
      if (seen % 3 === 0) throw new Error('no then');
      return seen % 2 ? then : (done) => done({ then: (again) => again(seen) });
    },
    configurable: true,
  });
  Object.defineProperty(Promise.prototype, 'constructor', {
    get() {
      throw new Error('no constructor');
    },
    configurable: true,
  });
  const found = [];
  const answer = ctx.probe.echo('mine');
  then.call(answer, (value) => value !== 'mine' && found.push(value), () => {});
  try {
    await answer;
  } catch {}
  ctx.state.set('found', found);
}
