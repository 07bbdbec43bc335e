// what: filled arrays without end, which outran the limit of an isolate by gigabytes after it was disposed
// expect: memory, crash
// memoryMiB: 64
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  for (;;) kept.push(new Array(1000).fill(7));
}
