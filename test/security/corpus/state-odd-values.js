// what: values that JSON cannot carry
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  const cyclic = {};
  cyclic.self = cyclic;
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const values = [undefined, () => 1, Symbol('x'), 1n, NaN, Infinity, cyclic, proxy, new Map(), new Set(), Promise.resolve(1), { a: [NaN] }, { toJSON: () => undefined }];
  for (const value of values) {
    try {
      ctx.state.set('odd', value);
      found.push(String(typeof value));
    } catch (error) {
      if (error.name !== 'StateError') found.push(`${error}`);
    }
  }
  ctx.state.set('found', found);
}
