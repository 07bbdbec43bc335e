/**
 * Time zones for Python, which brings no data of its own: the engine that runs this has them for its `Temporal` and `Intl`.
 * Nothing of it costs a worker that does not ask.
 */

/** As Python's zoneinfo wants them: before the first of `at` holds `kinds[0]`, from `at[i]` on `kinds[of[i]]`. */
interface TimeZone {
  /** Unix seconds. */
  readonly at: readonly number[];
  readonly of: readonly number[];
  readonly kinds: readonly (readonly [offsetSeconds: number, daylightSaving: boolean, abbreviation: string])[];
}

interface ZonedDateTime {
  readonly year: number;
  readonly timeZoneId: string;
  readonly epochMilliseconds: number;
  readonly offsetNanoseconds: number;
  getTimeZoneTransition(direction: 'next'): ZonedDateTime | null;
}

interface TemporalPart {
  readonly Instant: { fromEpochMilliseconds(ms: number): { toZonedDateTimeISO(zone: string): ZonedDateTime } };
}

const { Temporal, Intl: intl } = globalThis as unknown as { Temporal: TemporalPart; Intl: typeof Intl };
const { stringify } = JSON;

const FIRST_MS = Date.UTC(1850, 0, 1);
const LAST_YEAR = 2100;
/** Not an offset such as +01:00, which would be a zone here as well. */
const NAME = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/;
/** Each knows the abbreviations of its part of the world; elsewhere it says GMT+1. */
const LOCALES = ['en-US', 'en-GB', 'en-AU', 'en-NZ', 'en-IN', 'en-KE', 'en-HK', 'ja-JP'];
/** Names are known for the last decades only: what holds at this moment is named as it is then. */
const NAMED_MS = Date.UTC(2020, 0, 1);

/** {@link TimeZone} as JSON; empty for a name that is none. */
export function timeZoneJson(name: string): string {
  if (!NAME.test(name)) return '';
  let zoned: ZonedDateTime;
  try {
    zoned = Temporal.Instant.fromEpochMilliseconds(FIRST_MS).toZonedDateTimeISO(name);
  } catch {
    return '';
  }
  // In capitals or not: files of zones are named in one way.
  if (zoned.timeZoneId !== name) return '';
  return stringify(timeZone(zoned));
}

export function timeZoneNames(): string {
  return stringify(intl.supportedValuesOf('timeZone'));
}

function timeZone(first: ZonedDateTime): TimeZone {
  const labelOf = labels(first.timeZoneId);
  const kinds: [number, boolean, string][] = [];
  /** One kind for an offset, in summer and otherwise; the last name that it had. */
  const kindOf = (from: ZonedDateTime, until: ZonedDateTime | null): number => {
    const seconds = Math.round(from.offsetNanoseconds / 1e9);
    const named = from.epochMilliseconds < NAMED_MS && (until === null || until.epochMilliseconds > NAMED_MS);
    const [summer, letters] = labelOf(named ? NAMED_MS : from.epochMilliseconds);
    const known = kinds.findIndex(([offset, daylightSaving]) => offset === seconds && daylightSaving === summer);
    if (known === -1) return kinds.push([seconds, summer, letters ?? numeric(seconds)]) - 1;
    const kind = kinds[known];
    if (kind !== undefined && letters !== undefined) kind[2] = letters;
    return known;
  };
  const at: number[] = [];
  const of: number[] = [];
  let next = first.getTimeZoneTransition('next');
  kindOf(first, next);
  while (next !== null && next.year <= LAST_YEAR) {
    const here = next;
    next = here.getTimeZoneTransition('next');
    at.push(Math.round(here.epochMilliseconds / 1_000));
    of.push(kindOf(here, next));
  }
  return { at, of, kinds };
}

/** Whether it is summer time, and the letters for it where there are some. */
function labels(zone: string): (ms: number) => readonly [summer: boolean, letters: string | undefined] {
  const formatOf = (locale: string, timeZoneName: 'short' | 'long') =>
    new intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName });
  const textOf = (format: Intl.DateTimeFormat, ms: number): string =>
    format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const long = formatOf('en-US', 'long');
  const short = new Map<string, Intl.DateTimeFormat>();
  const known = new Map<string, string | undefined>();
  const lettersAt = (ms: number): string | undefined => {
    for (const locale of LOCALES) {
      const format = short.get(locale) ?? formatOf(locale, 'short');
      short.set(locale, format);
      const text = textOf(format, ms);
      if (/^[A-Z]{3,6}$/.test(text)) return text;
    }
    return undefined;
  };
  return (ms) => {
    const text = textOf(long, ms);
    if (!known.has(text)) known.set(text, text.startsWith('GMT') ? undefined : lettersAt(ms));
    return [/Summer|Daylight/.test(text), known.get(text)];
  };
}

/** `+01`, `-0330`: what the database itself has for zones whose people have no letters for it. */
function numeric(offsetSeconds: number): string {
  const minutes = Math.round(Math.abs(offsetSeconds) / 60);
  const two = (value: number): string => String(value).padStart(2, '0');
  const rest = minutes % 60 === 0 ? '' : two(minutes % 60);
  return `${offsetSeconds < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${rest}`;
}
