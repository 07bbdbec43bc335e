// what: names of capabilities that do not exist, and prototype names
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'process', 'engine']) {
    if (ctx[name] !== undefined) found.push(`ctx.${name}`);
    if (ctx.probe[name] !== undefined) found.push(`ctx.probe.${name}`);
  }
  ctx.state.set('found', found);
}
