// what: timers and intervals that outlive their tick
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  setTimeout(() => ctx.state.set('found', ['a timer outlived its tick']), 20);
  setInterval(() => ctx.state.set('found', ['an interval outlived its tick']), 20);
}
