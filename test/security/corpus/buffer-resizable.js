// what: a resizable buffer, which the memory limit would not see
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  for (;;) {
    kept.push(new ArrayBuffer(8, { maxByteLength: 2 ** 32 }));
    ctx.state.set('found', ['a resizable buffer']);
  }
}
