// what: handles of isolated-vm by their methods, on every object in reach
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  const seen = new WeakSet();
  const marks = ['applySync', 'applyIgnored', 'derefInto', 'copyInto', 'createContextSync', 'evalSync', 'transferIn', 'copySync'];
  const walk = (value, path, depth) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || depth > 6) return;
    seen.add(value);
    for (const mark of marks) if (Object.hasOwn(value, mark)) found.push(`${path}.${mark}`);
    let keys = [];
    try { keys = Reflect.ownKeys(value); } catch {}
    for (const key of keys) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key);
      for (const part of ['value', 'get', 'set']) walk(descriptor?.[part], `${path}.${String(key)}`, depth + 1);
    }
    try { walk(Object.getPrototypeOf(value), `${path}.__proto__`, depth + 1); } catch {}
  };
  walk(globalThis, 'globalThis', 0);
  walk(ctx, 'ctx', 0);
  ctx.state.set('found', found);
}
