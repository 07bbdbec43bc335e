// what: setters for the indexes of arrays, to change what the prelude gathers
// expect: ok, error
// timeoutMs: 5000
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
  const evil = [['k', 'no json'], ['a', { length: 1 }], 7, 'evil', null];
  let turn = 0;
  for (let i = 0; i < 40; i++)
    Object.defineProperty(Array.prototype, i, {
      configurable: true,
      get: () => undefined,
      set(value) {
        globalThis.caught ??= value;
        Object.defineProperty(this, i, { value: evil[turn++ % evil.length], configurable: true, writable: true, enumerable: true });
      },
    });
  await use();
  for (let i = 0; i < 20; i++) await use();
  for (let i = 0; i < 40; i++) delete Array.prototype[i];
  ctx.state.set('found', globalThis.caught === undefined ? [] : [typeof globalThis.caught]);
}
