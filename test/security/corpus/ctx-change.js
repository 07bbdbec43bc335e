// what: ctx and its parts replaced, extended or re-prototyped
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  for (const holder of [ctx, ctx.state, ctx.log, ctx.probe, ctx.http, ctx.params, ctx.connected]) {
    try {
      holder.extra = 1;
    } catch {}
    try {
      Object.setPrototypeOf(holder, { evil: 1 });
    } catch {}
    if (holder.extra !== undefined || holder.evil !== undefined) found.push('changed');
  }
  ctx.state.set('found', found);
}
