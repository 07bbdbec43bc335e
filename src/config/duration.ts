/** How durations and sizes are written in the configuration: `500ms`, `10s`, `5m`, `1h30m`; `64MiB`, `512KiB`. */

/** Whole numbers with units, largest unit first. Also the pattern in the JSON Schema for editors. */
export const DURATION_PATTERN = /^(?=\d)(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/;
export const DURATION_HELP = 'write a duration in whole numbers with units: 500ms, 10s, 5m, 1h or 1h30m';

export const BYTES_PATTERN = /^(\d{1,12})(B|KiB|MiB|GiB|kB|MB|GB)$/;
export const BYTES_HELP = 'write a size as a number with a unit: 512KiB, 64MiB or 1GiB';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
};

/** Milliseconds of a written duration; throws a RangeError with {@link DURATION_HELP} for anything else. */
export function parseDuration(text: string): number {
  const match = DURATION_PATTERN.exec(text);
  if (match === null) throw new RangeError(DURATION_HELP);
  const [, hours = '0', minutes = '0', seconds = '0', milliseconds = '0'] = match;
  return Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS + Number(seconds) * SECOND_MS + Number(milliseconds);
}

/** The shortest way to write whole milliseconds; {@link parseDuration} reads it back. */
export function formatDuration(ms: number): string {
  const hours = Math.floor(ms / HOUR_MS);
  const minutes = Math.floor((ms % HOUR_MS) / MINUTE_MS);
  const seconds = Math.floor((ms % MINUTE_MS) / SECOND_MS);
  const rest = ms % SECOND_MS;
  const parts = [hours > 0 && `${hours}h`, minutes > 0 && `${minutes}m`, seconds > 0 && `${seconds}s`];
  const text = parts.filter((part) => part !== false).join('');
  return rest > 0 || text === '' ? `${text}${rest}${text === '' && rest === 0 ? 's' : 'ms'}` : text;
}

/** Bytes of a written size; throws a RangeError with {@link BYTES_HELP} for anything else. */
export function parseBytes(text: string): number {
  const [, count, unit] = BYTES_PATTERN.exec(text) ?? [];
  const factor = unit === undefined ? undefined : BYTES_PER_UNIT[unit];
  if (count === undefined || factor === undefined) throw new RangeError(BYTES_HELP);
  return Number(count) * factor;
}

/** The largest binary unit that divides the size; {@link parseBytes} reads it back. */
export function formatBytes(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    const factor = BYTES_PER_UNIT[unit];
    if (factor !== undefined && bytes > 0 && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes}B`;
}
