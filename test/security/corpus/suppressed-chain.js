// what: an error that suppresses a hundred thousand others, and an AggregateError of a million
// expect: error, memory, timeout
// timeoutMs: 3000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  let chain = new Error('innermost');
  for (let i = 0; i < 1e5; i++) chain = new SuppressedError(new Error('x'), chain, 'x');
  throw new AggregateError(new Array(1e6).fill(chain), 'many', { cause: chain });
}
