// what: raw JSON with half of a surrogate pair, which no store can keep
// expect: ok, error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (const text of ['"\ud800"', '1e999', '-0', '"\u2028"', '123456789012345678901234567890'])
    try {
      ctx.state.set(`raw ${text.charCodeAt(1)}`, JSON.rawJSON(text));
    } catch {}
  ctx.state.set('after', 1);
}
