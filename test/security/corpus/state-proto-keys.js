// what: prototype names as keys of the state and in values
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (const key of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '']) ctx.state.set(key, { [key]: 1 });
  ctx.state.update(JSON.parse('{"__proto__": {"polluted": 1}, "polluted": 2}'));
  const found = [];
  if (ctx.state.get('__proto__').polluted !== 1) found.push('__proto__ was lost');
  if ({}.polluted !== undefined || ctx.state.getAll().hasOwnProperty === undefined) found.push('polluted');
  if (!Object.hasOwn(ctx.state.getAll(), '__proto__')) found.push('getAll');
  ctx.state.set('found', found);
}
