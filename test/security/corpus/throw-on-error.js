// what: on_error throws, rejects and floods the log
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  throw new Error('first');
}
export async function on_error(ctx) {
  for (let i = 0; i < 1e5; i++) ctx.log.error('again');
  Promise.reject(new Error('second'));
  throw new Error('third');
}
