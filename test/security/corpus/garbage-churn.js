// what: garbage as fast as it goes, to keep the collector and both processors busy
// expect: timeout
// timeoutMs: 2000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  let last = null;
  for (let i = 0; ; i++) last = { i, text: `text ${i}`, list: new Array(50).fill(i), last: i % 1000 ? last : null };
}
