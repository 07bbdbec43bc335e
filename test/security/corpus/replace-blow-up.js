// what: replacements that multiply what they replace
// expect: memory, crash, error, timeout
// timeoutMs: 5000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  let text = 'a'.repeat(1000);
  for (;;) text = text.replaceAll('a', "$`$&$'a").replaceAll('', 'a');
}
