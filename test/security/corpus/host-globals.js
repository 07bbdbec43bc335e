// what: names of Node and of browsers that would lead outside
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const names = ['process', 'require', 'module', 'exports', 'Buffer', 'global', 'ivm', 'fetch', 'XMLHttpRequest', 'WebSocket', 'Worker', 'SharedWorker', 'importScripts', 'Deno', 'Bun', 'navigator', 'performance', 'structuredClone', 'MessageChannel', 'BroadcastChannel', 'gc', 'load', 'read', 'print', 'os', 'd8', 'quit', 'version', 'ShadowRealm', '__filename', '__dirname', 'setImmediate', 'SharedArrayBuffer', 'Atomics', 'WebAssembly'];
  ctx.state.set('found', names.filter((name) => (0, eval)(`typeof ${name}`) !== 'undefined'));
}
