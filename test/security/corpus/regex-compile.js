// what: patterns that are huge once they are compiled
// expect: ok, error, memory, timeout, crash
// timeoutMs: 4000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const sources = ['(?:a?){0,65535}{0,65535}', '('.repeat(1e5) + ')'.repeat(1e5), 'a|'.repeat(1e6), '(?:(?:(?:a{1000}){1000}){1000})', `[${'\\u{10ffff}-\\u{10ffff}'.repeat(1e5)}]`, '(?<=(?<=(?<=a*)*)*)*', '\\1'.repeat(1e5)];
  for (const source of sources)
    for (const flags of ['', 'iu', 'v', 'gy'])
      try {
        new RegExp(source, flags).exec('a'.repeat(100));
      } catch {}
}
