// what: toJSON on every prototype, to forge what the prelude says
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
  const evil = [
    ['e', 'ok', { functions: ['evil'], setupBindsGlobals: 1, durationMs: 'x' }],
    ['l', 'evil', {}, 7, 'x'],
    ['q', 1, 'probe.echo', '{}'],
    ['u', 7],
    ['u', [[1, 2]]],
    ['t', {}, {}],
    ['n', -1],
    null,
    'x'.repeat(100000),
  ];
  let turn = 0;
  const forge = () => evil[turn++ % evil.length];
  for (const holder of [Object.prototype, Array.prototype, String.prototype, Number.prototype, Boolean.prototype, Function.prototype])
    Object.defineProperty(holder, 'toJSON', { value: forge, configurable: true });
  await use();
  for (let i = 0; i < 20; i++) await use();
}
