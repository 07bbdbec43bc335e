// what: call, apply and bind
// expect: ok, error
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const use = async () => {
    try { ctx.state.set('a', { b: [1, 'two', null] }); } catch {}
    try { ctx.state.update({ c: 1, d: [2] }); } catch {}
    try { ctx.state.delete('c'); } catch {}
    try { ctx.state.get('a'); ctx.state.keys(); ctx.state.getAll(); } catch {}
    try { ctx.log.info('text', { field: 1 }); console.log('a', { b: 1 }, new Map([[1, 2]])); } catch {}
    try { void ctx.worker.name; void ctx.params; } catch {}
    try { await ctx.probe.echo({ x: [1] }); } catch {}
    try { await ctx.probe.store([1]); } catch {}
    try { await ctx.probe.refuse(1); } catch {}
    try { await ctx.state.flush(); } catch {}
    try { await ctx.telegram.send('x'); } catch {}
    try { await new Promise((resolve) => setTimeout(resolve, 1)); } catch {}
  };
  Function.prototype.call = Function.prototype.apply = Function.prototype.bind = function hook(...args) {
    globalThis.args = args;
    return 7;
  };
  await use();
}
