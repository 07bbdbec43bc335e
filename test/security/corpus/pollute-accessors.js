// what: get, set and code on Object.prototype, which descriptors and errors of the prelude inherit
// expect: ok
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  const seen = [];
  const take = function (value) { if (value instanceof Error) seen.push('an error'); };
  Object.prototype.get = take;
  Object.prototype.set = take;
  Object.defineProperty(Object.prototype, 'code', { __proto__: null, set: take, get: take, configurable: true });
  try { ctx.state.set('x', undefined); } catch (error) { if (error.name !== 'StateError' || error.code !== 'STATE_INVALID') found.push(`state: ${error}`); }
  try { await ctx.probe.refuse(1); found.push('not refused'); } catch (error) { if (error.code !== 'EGRESS_DENIED') found.push(`call: ${error}`); }
  try { if (ctx.state.getAll().before !== 'kept') found.push('not all'); } catch (error) { found.push(`all: ${error}`); }
  try { new TextEncoder(); crypto.randomUUID(); } catch (error) { found.push(`web: ${error}`); }
  ctx.state.set('found', [...found, ...seen]);
}
