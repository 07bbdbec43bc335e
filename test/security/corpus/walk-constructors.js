// what: constructor chains of everything in reach, to code outside
// expect: ok
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  const seen = new Set();
  const things = [globalThis, ctx, ctx.state, ctx.log, ctx.probe, ctx.http, ctx.worker, ctx.params, ctx.telegram, ctx.state.get, ctx.probe.echo, ctx.probe.echo(1), console.log, setTimeout, this, new Error('x')];
  try { await ctx.probe.refuse(1); } catch (error) { things.push(error); }
  try { ctx.state.set(1, 1); } catch (error) { things.push(error); }
  for (const thing of things) {
    let at = thing;
    for (let i = 0; i < 6 && at !== undefined && at !== null; i++) {
      try {
        at = at.constructor ?? Object.getPrototypeOf(at);
        if (typeof at === 'function' && !seen.has(at)) {
          seen.add(at);
          const result = at('return typeof process + typeof require + typeof module + typeof Buffer + typeof global + typeof ivm')();
          if (/object|function/.test(String(result)) && typeof result === 'string') found.push(result);
        }
      } catch {}
    }
  }
  const AsyncFunction = (async () => {}).constructor;
  const GeneratorFunction = (function* () {}).constructor;
  for (const Kind of [Function, AsyncFunction, GeneratorFunction]) {
    const made = Kind('return [typeof process, typeof require, typeof module, typeof ivm, typeof __dirname]');
    const result = Kind === GeneratorFunction ? made().next().value : await made();
    if (result.some((type) => type !== 'undefined')) found.push(result);
  }
  ctx.state.set('found', found);
}
