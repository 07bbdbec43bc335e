import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBytes, formatDuration, parseBytes, parseDuration } from '../../src/config/duration.ts';

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['1h30m', 5_400_000],
    ['1m500ms', 60_500],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['', '10', 's', '10 s', '10x', '-1s', '1.5s', '30m1h', '1s1s', '10S', '1d', '9999999999s'])(
    '"%s" is refused with how to write one',
    (text) => expect(() => parseDuration(text)).toThrow(/500ms, 10s, 5m/),
  );

  test('every whole number of milliseconds can be written and read back', () => {
    fc.assert(fc.property(fc.nat(10_000_000), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe('sizes', () => {
  test.each([
    ['64MiB', 64 * 2 ** 20],
    ['512KiB', 512 * 1024],
    ['1GiB', 2 ** 30],
    ['5MB', 5_000_000],
    ['100B', 100],
  ])('%s is %d bytes', (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  test.each(['64', '64M', '64mib', '-1MiB', '1.5GiB', ''])('"%s" is refused with how to write one', (text) =>
    expect(() => parseBytes(text)).toThrow(/64MiB/),
  );

  test('every size can be written and read back', () => {
    fc.assert(fc.property(fc.nat(2 ** 30), (bytes) => parseBytes(formatBytes(bytes * 1024)) === bytes * 1024));
  });
});
