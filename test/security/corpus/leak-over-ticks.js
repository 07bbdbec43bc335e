// what: a leak that takes several ticks, none of which is remarkable
// expect: memory, crash
// ticks: 12
const kept = [];
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (let i = 0; i < 1500; i++) kept.push(new Array(1000).fill(i + 0.5));
}
