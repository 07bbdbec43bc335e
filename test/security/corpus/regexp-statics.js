// what: what the old static fields of RegExp tell of matches that the prelude made
// expect: ok
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  const look = () => {
    const told = ['input', 'lastMatch', 'leftContext', 'rightContext', '$1', '$_'].map((name) => String(RegExp[name])).join(' ');
    if (/node_modules|file:|sandbox\/|\/(home|tmp|root|usr|work)\//.test(told)) found.push(told.slice(0, 200));
  };
  look();
  await ctx.probe.break(1).catch(look);
  await ctx.http.get('http://127.0.0.1/').catch(look);
  try {
    null.x;
  } catch (error) {
    void error.stack;
    look();
  }
  ctx.state.set('found', found);
}
