// what: a thrown Proxy whose traps throw
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const refuse = () => {
    throw new Proxy({}, handler);
  };
  const handler = { get: refuse, has: refuse, getPrototypeOf: refuse, ownKeys: refuse };
  throw new Proxy({}, handler);
}
