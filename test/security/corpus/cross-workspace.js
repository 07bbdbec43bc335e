// what: state, names, logs and calls of workers of other workspaces, by every name they could have
// expect: ok
export async function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  for (const key of ['n', 'canary/js-1', 'canary/js-1/n', '../canary/js-1/n', 'canary\u0000js-1', '../../canary/py-1', '__proto__'])
    if (ctx.state.get(key) !== undefined) found.push(`state ${key}`);
  const keys = ctx.state.keys().filter((key) => key !== 'before');
  if (keys.length > 0) found.push(...keys);
  const told = JSON.stringify([ctx.params, ctx.connected, ctx.connected_blocks, { ...ctx.worker }, Object.keys(globalThis)]);
  if (/canary\/|canary-js|js-1|neighbour/.test(told)) found.push(told);
  for (const url of ['http://127.0.0.1:1/', 'http://localhost/', 'http://[::1]/', 'http://169.254.169.254/latest/meta-data/', 'file:///etc/passwd', 'http://0/', 'http://127.1/', 'unix:/var/run/docker.sock'])
    await ctx.http.get(url).then((answer) => answer.status !== undefined && found.push(url), () => {});
  for (const worker of ['canary/js-1', { workspace: 'canary', name: 'js-1' }])
    await ctx.probe.echo({ worker, sandbox: 1, incarnation: 1, workspace: 'canary' }).catch(() => {});
  ctx.state.set('canary/js-1/n', -1);
  ctx.state.set('found', found);
}
