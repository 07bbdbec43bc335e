// what: every kind of Intl object, kept without end: their memory is ICU's, not V8's
// expect: timeout, memory, crash
// timeoutMs: 6000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const kept = [];
  const locales = ['en', 'de', 'ar-EG', 'th-TH-u-ca-buddhist', 'zh-Hant', 'fa', 'ja-JP-u-ca-japanese', 'hi'];
  for (let i = 0; ; i++) {
    const locale = locales[i % locales.length];
    kept.push(new Intl.NumberFormat(locale, { style: 'unit', unit: 'liter' }), new Intl.Collator(locale), new Intl.Segmenter(locale), new Intl.RelativeTimeFormat(locale), new Intl.ListFormat(locale), new Intl.PluralRules(locale), new Intl.DisplayNames(locale, { type: 'language' }), new Intl.DurationFormat(locale), new Intl.Locale(locale));
  }
}
