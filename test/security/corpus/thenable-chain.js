// what: a returned thenable that resolves with the next one, without end
// expect: ok, timeout, memory
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const next = () => ({ then: (done) => done(next()) });
  return next();
}
