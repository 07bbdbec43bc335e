// what: dynamic import of built-ins and files
// expect: CODE_INVALID, ok, error
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  for (const name of ['fs', 'node:fs', 'process', './x.js', 'data:text/javascript,export default 1', ctx.params.canaryFile]) {
    try {
      await (0, eval)(`import(${JSON.stringify(name)})`);
      found.push(name);
    } catch {}
    try {
      await new Function('name', 'return import(name)')(name);
      found.push(name);
    } catch {}
  }
  ctx.state.set('found', found);
}
