// what: its cell dies in every tick, until the limit of errors
// expect: crash, memory, timeout, error
// maxErrors: 4
// timeoutMs: 8000
// spawnsMax: 12
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  return Array.from({ length: 2 ** 32 - 1 });
}
