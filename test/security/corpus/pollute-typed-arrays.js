// what: the prototypes of typed arrays and buffers
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
  const typed = Object.getPrototypeOf(Uint16Array.prototype);
  for (const holder of [typed, Uint16Array.prototype, Int32Array.prototype, ArrayBuffer.prototype])
    for (const name of Reflect.ownKeys(holder))
      try {
        Object.defineProperty(holder, name, { value: () => 7 });
      } catch {}
  for (const name of ['0', '1', '2', '16', '64']) Object.defineProperty(Object.prototype, name, { configurable: true, set() {}, get: () => 7 });
  await use();
  for (const name of ['0', '1', '2', '16', '64']) delete Object.prototype[name];
}
