// what: the guard of ArrayBuffer, asked through traps on Object.prototype
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  const guarded = ArrayBuffer;
  for (const trap of ['get', 'has', 'getPrototypeOf', 'ownKeys', 'getOwnPropertyDescriptor', 'apply', 'set', 'defineProperty', 'deleteProperty', 'isExtensible'])
    Object.prototype[trap] = (target) => {
      try {
        if (typeof target === 'function' && new target(8, { maxByteLength: 2 ** 30 }).resizable) found.push(trap);
      } catch {}
      throw new Error('seen');
    };
  for (const use of [() => guarded.isView, () => 'x' in guarded, () => Object.getPrototypeOf(guarded), () => Reflect.ownKeys(guarded), () => Object.getOwnPropertyDescriptor(guarded, 'isView'), () => guarded(), () => { guarded.x = 1; }, () => { delete guarded.x; }, () => Object.isExtensible(guarded), () => Date(), () => new Date()]) {
    try {
      use();
    } catch {}
  }
  for (const trap of ['get', 'has', 'getPrototypeOf', 'ownKeys', 'getOwnPropertyDescriptor', 'apply', 'set', 'defineProperty', 'deleteProperty', 'isExtensible'])
    delete Object.prototype[trap];
  ctx.state.set('found', found);
}
