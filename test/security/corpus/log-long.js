// what: a log line of ten million characters, with fields of the same
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  ctx.log.info('x'.repeat(1e7), { y: 'y'.repeat(1e6) });
  console.log('x'.repeat(1e6), 'y'.repeat(1e6));
}
