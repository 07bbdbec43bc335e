// what: frames and paths of the host in the stacks of errors
// expect: ok
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  Error.stackTraceLimit = 1000;
  const look = (error) => {
    const text = [error.stack, error.message, ...Object.getOwnPropertyNames(error).map((name) => String(error[name]))].join('\n');
    if (/file:|node:|\.ts\b|node_modules|isolated-vm/.test(text)) found.push(text.slice(0, 500));
    if (error.cause !== undefined) found.push('cause');
  };
  look(new Error('here'));
  for (const call of [() => ctx.probe.break(1), () => ctx.probe.refuse(1), () => ctx.probe.echo(1, 2, 3), () => ctx.http.get('http://127.0.0.1/'), () => ctx.telegram.send('x'), () => ctx.state.set(1, 1), () => ctx.state.set('x', 1n), () => ctx.state.flush(1)]) {
    try {
      await call();
    } catch (error) {
      look(error);
    }
  }
  ctx.state.set('found', found);
}
