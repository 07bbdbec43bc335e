// what: backtracking in groups with modifiers, lookbehind, the v flag and named groups
// expect: timeout
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const text = `${'aA'.repeat(30)}!`;
  for (const pattern of [/^(?i:(a+)+)$/, /(?<=^(?s-i:(?:.+)+))\?$/, /^[\p{L}--[x]]+(?:[\p{L}&&[a-zA-Z]]+)+$/v, /^(?<n>a|A|(?:aA)+)+$/]) pattern.test(text);
  for (;;) /(?i:^(a|a|aA)*$)/.test(text);
}
