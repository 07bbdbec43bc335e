// what: keys and values that together are too large
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; ; i++) ctx.state.set(`key ${i}`, 'x'.repeat(400 * 1024));
}
