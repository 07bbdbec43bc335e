// what: call sites of the host through Error.prepareStackTrace
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  const sites = (_error, list) => {
    found.push(...list.map((site) => `${site.getFileName()} ${typeof site.getThis()} ${typeof site.getFunction()}`));
    return 'x';
  };
  try { Error.prepareStackTrace = sites; } catch {}
  try { Object.defineProperty(Error, 'prepareStackTrace', { value: sites }); } catch {}
  try { delete Error.prepareStackTrace; Error.prepareStackTrace = sites; } catch {}
  for (const Kind of [TypeError, RangeError, AggregateError]) {
    Kind.prepareStackTrace = sites;
    void new Kind([]).stack;
  }
  void new Error('x').stack;
  const target = {};
  Error.captureStackTrace(target);
  void target.stack;
  ctx.state.set('found', found);
}
