// what: expressions and functions nested deeply
// expect: error
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  for (const open of ['(', '[', '{a:', '()=>', '!', '1+(']) {
    try {
      (0, eval)(open.repeat(1e5));
    } catch {}
  }
  const deeper = (n) => (0, eval)(`deeper(${n})`);
  globalThis.deeper = deeper;
  deeper(1);
}
