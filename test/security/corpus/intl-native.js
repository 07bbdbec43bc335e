// what: segmenters, collators and formatters on long input, in native code
// expect: timeout, memory, crash, error
// timeoutMs: 2000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const text = '\ud83d\udc68\u200d'.repeat(1e6);
  const collator = new Intl.Collator('de', { sensitivity: 'base', numeric: true });
  const number = new Intl.NumberFormat('ar', { maximumFractionDigits: 100, notation: 'compact' });
  for (;;) {
    for (const part of new Intl.Segmenter('th', { granularity: 'word' }).segment(text)) if (part.index > 1e5) break;
    collator.compare(`${'1'.repeat(1e6)}a`, `${'1'.repeat(1e6)}b`);
    number.format(10n ** 20_000n);
    new Intl.ListFormat('en').format(new Array(1e4).fill('x'));
    new Intl.DisplayNames('en', { type: 'region' }).of('CH');
    new Intl.PluralRules('ar').selectRange(1, 1e300);
  }
}
