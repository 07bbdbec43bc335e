// what: a module whose exports are a Proxy with traps that lie
// expect: ok, error, timeout, invalid, CODE_INVALID
// state: none
module.exports = new Proxy({ tick(ctx) { ctx.state.set('before', 'kept'); } }, {
  get: (target, key) => (key === 'tick' ? target.tick : new Proxy(() => 1, { apply() { throw new Error('trap'); } })),
});
