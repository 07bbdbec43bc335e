// what: Unicode normalization and changes of case of long texts, which no interrupt reaches
// expect: timeout, memory, crash, error
// timeoutMs: 2000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const text = '\u1e9b\u0323\ufdfa\u0390'.repeat(1e6);
  for (;;) text.normalize('NFKD').toLocaleUpperCase('tr').normalize('NFC').toLocaleLowerCase('lt');
}
