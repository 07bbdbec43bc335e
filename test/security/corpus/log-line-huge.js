// what: one log line of a hundred megabytes
// expect: ok, memory, error, crash
// memoryMiB: 512
// logs: 10
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  ctx.log.info('x'.repeat(1e8));
  ctx.log.info(`\u0001${'\ud83d'.repeat(5e7)}`);
}
