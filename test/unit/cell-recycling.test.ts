import { expect, test } from 'vitest';
import { type Aging, decideRecycling, drawJitter } from '../../src/supervisor/cell-recycling.ts';

const MiB = 1_048_576;
const HOUR = 3_600_000;
const LIMITS = { ageMs: 6 * HOUR, runs: 1_000, growthBytes: 512 * MiB };
const YOUNG: Aging = {
  readyAt: 0,
  runs: 0,
  jitter: 1,
  rssBytes: 60 * MiB,
  baseRss: 50 * MiB,
  peakAllowanceBytes: 4 * MiB,
};

test.each<[string, Partial<Aging>, number, string | null]>([
  ['is good while it is young', {}, HOUR, null],
  ['is old', {}, 6.1 * HOUR, 'it was 366 minutes old'],
  ['is old a little later', { jitter: 1.2 }, 6.1 * HOUR, null],
  ['has done much', { runs: 1_001 }, HOUR, 'it had done 1001 runs'],
  ['has grown', { rssBytes: 500 * MiB }, HOUR, 'it had grown by 450 MiB'],
  ['has grown, but only just begun', { rssBytes: 500 * MiB }, 60_000, null],
  ['may be large', { rssBytes: 500 * MiB, peakAllowanceBytes: 400 * MiB }, HOUR, null],
  ['is not ready', { readyAt: null }, 7 * HOUR, null],
])('a cell that %s', (_what, over, now, expected) => {
  expect(decideRecycling({ ...YOUNG, ...over }, LIMITS, now)).toBe(expected);
});

test('cells that start together are not replaced together', () => {
  const draws = Array.from({ length: 100 }, drawJitter);
  expect(Math.min(...draws)).toBeGreaterThanOrEqual(0.8);
  expect(Math.max(...draws)).toBeLessThanOrEqual(1.2);
  expect(new Set(draws).size).toBeGreaterThan(50);
});
