// what: an error that claims codes of the engine
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const error = new Error('not mine');
  throw Object.assign(error, { name: 'RuntimeError', code: 'FENCED', fault: 'engine', retry: true, rule: { fault: 'engine' }, outcome: 'cancelled', errorCode: 'STOPPED' });
}
