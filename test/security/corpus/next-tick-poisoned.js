// what: globals that a tick poisoned, found by its own next tick only
// expect: ok, error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  Object.prototype.polluted = 1;
  globalThis.Promise = undefined;
  JSON.stringify = undefined;
}
