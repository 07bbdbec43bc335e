// what: an error whose name, message, stack and cause are long
// expect: error, memory
// stack: own
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const error = new Error('m'.repeat(1e6), { cause: new Error('c'.repeat(1e6)) });
  error.name = 'n'.repeat(1e6);
  error.stack = 's'.repeat(1e6);
  throw error;
}
