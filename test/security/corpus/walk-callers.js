// what: caller and arguments of functions that the prelude calls
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  const sloppy = Function('look', 'look(sloppyName)'.replace('sloppyName', 'arguments.callee'));
  const look = (fn) => {
    for (const name of ['caller', 'arguments']) {
      try {
        const value = fn[name];
        if (name === 'caller' && value !== null && value !== undefined && !/look|hook/.test(String(value))) found.push(String(value).slice(0, 200));
      } catch {}
    }
  };
  const hook = Function('look', 'return function hook() { look(hook); return {}; }')(look);
  Object.prototype.toJSON = hook;
  Object.defineProperty(Array.prototype, 0, { set: hook, get: hook, configurable: true });
  try { ctx.state.set('a', {}); ctx.state.update({ b: 1 }); ctx.state.keys(); ctx.log.info({}); } catch {}
  delete Array.prototype[0];
  delete Object.prototype.toJSON;
  try { ctx.state.set('c', { get x() { return hook(); } }); } catch {}
  try { ctx.log.info({ toString: hook, valueOf: hook, toJSON: hook }); } catch {}
  try { throw { get message() { return hook(); } }; } catch {}
  sloppy(look);
  ctx.state.set('found', found);
}
