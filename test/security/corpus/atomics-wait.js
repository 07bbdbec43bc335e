// what: a wait that would hold a thread of the cell
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0);
}
