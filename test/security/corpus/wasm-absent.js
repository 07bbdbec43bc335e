// what: WebAssembly memories, which the memory limit would not see
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  for (;;) kept.push(new WebAssembly.Memory({ initial: 1000 }));
}
