// what: raw JSON with half of a surrogate pair, which no store can keep
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (const text of ['1e999', '-0', '"\u2028"', '123456789012345678901234567890']) ctx.state.set('raw', JSON.rawJSON(text));
  for (const write of [(raw) => ctx.state.set('raw', raw), (raw) => ctx.state.update({ raw: { inside: [raw] } })]) {
    try {
      write(JSON.rawJSON('"\ud800"'));
    } catch (error) {
      if (error.name === 'StateError') continue;
    }
    throw new Error('it was taken');
  }
}
