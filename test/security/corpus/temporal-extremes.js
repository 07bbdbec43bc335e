// what: Temporal with the longest spans, odd calendars and zones, and objects that pretend
// expect: ok, error, timeout, memory, crash
// timeoutMs: 3000
export function tick(ctx) {
  ctx.state.set('before', 'kept');
  const start = Temporal.PlainDate.from('-271821-04-20');
  const end = Temporal.PlainDate.from('+275760-09-13');
  for (const calendar of ['iso8601', 'chinese', 'hebrew', 'islamic-umalqura', 'indian', 'japanese'])
    for (const largestUnit of ['days', 'months', 'years'])
      try {
        start.withCalendar(calendar).until(end.withCalendar(calendar), { largestUnit });
      } catch {}
  for (const zone of ['Europe/Berlin', '+23:59', 'Etc/GMT+12', '../../etc/passwd', 'x'.repeat(1e6)])
    try {
      Temporal.Instant.from('2026-01-01T00:00Z').toZonedDateTimeISO(zone).add({ nanoseconds: Number.MAX_SAFE_INTEGER }).round('day');
    } catch {}
  for (const text of ['9'.repeat(1e6), 'P'.padEnd(1e6, '1Y'), '2026-01-01[u-ca=' + 'a'.repeat(1e6) + ']'])
    try {
      Temporal.PlainDateTime.from(text);
    } catch {}
  const duration = Temporal.Duration.from({ years: 4e9, nanoseconds: Number.MAX_SAFE_INTEGER });
  for (let i = 0; i < 200; i++)
    try {
      duration.total({ unit: 'nanoseconds', relativeTo: start });
    } catch {}
}
