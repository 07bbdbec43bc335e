// what: the stack runs out inside of every function of ctx, at every depth, and they are used again
// expect: ok, error
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  const uses = [
    () => ctx.state.set('deep', { a: [1, 2, 3] }),
    () => ctx.state.update({ deep: 1, deeper: 2 }),
    () => ctx.state.get('deep'),
    () => ctx.state.getAll(),
    () => ctx.log.info('x', { a: 1 }),
    () => console.log({ a: 1 }, new Map([[1, 2]])),
    () => void ctx.probe.echo(1).catch(() => {}),
    () => clearTimeout(setTimeout(() => {}, 1)),
    () => new TextEncoder().encode('x'),
    () => crypto.getRandomValues(new Uint8Array(8)),
  ];
  for (const use of uses) {
    let left = 40;
    const deep = () => {
      try {
        deep();
      } catch {}
      if (left-- <= 0) return;
      try {
        use();
      } catch (error) {
        if (!(error instanceof Error) || error.constructor.constructor !== Function) found.push('an error of another realm');
      }
    };
    deep();
    await null;
  }
  ctx.state.set('deep', 'whole');
  if (ctx.state.get('deep') !== 'whole') found.push('the state lost a write');
  ctx.state.set('found', found);
}
