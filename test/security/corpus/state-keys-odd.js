// what: keys that are no proper text
// expect: ok
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const found = [];
  for (const key of ['\ud800', 1, null, undefined, {}, Symbol('x'), ['a'], { toString: () => 'k' }, 'x'.repeat(300), '\u{1F600}'.repeat(80), new String('k')]) {
    try {
      ctx.state.set(key, 1);
      found.push(typeof key);
    } catch (error) {
      if (error.name !== 'StateError' && typeof key !== 'symbol') found.push(`${error}`);
    }
  }
  ctx.state.set('found', found);
}
