// what: log arguments that throw or lie when they are read
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const refuse = () => {
    throw new Error('no');
  };
  const exotic = [Symbol('x'), 1n, () => 1, Object.create(null), new Proxy({}, { get: refuse }), new Proxy(() => 1, {}), { toJSON: refuse }, { toJSON: () => () => 1 }, new Map([[{}, new Map()]]), [,], new Date(NaN), Object.create({ get x() { return refuse(); } })];
  for (const one of exotic) {
    for (const level of ['debug', 'info', 'warn', 'error']) ctx.log[level](one, one);
    console.log(one, one);
  }
}
