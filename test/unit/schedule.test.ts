import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countCron, nextCron, nextGridSlot, phaseOf, skippedSlots } from '../../src/supervisor/schedule.ts';

const intervalMs = fc.oneof(fc.integer({ min: 10, max: 3_600_000 }), fc.constantFrom(50, 333, 1_000, 60_000));
const anchorMs = fc.double({ min: 0, max: 1e9, noNaN: true });

const HOUR = 3_600_000;

/** The wall-clock times in a zone of the first `count` runs after `from`. */
function runs(expression: string, timezone: string, from: string, count: number): string[] {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' });
  const list: string[] = [];
  let at: number | null = Date.parse(from);
  for (let i = 0; i < count; i++) {
    at = at === null ? null : nextCron(expression, timezone, at);
    if (at !== null) list.push(format.format(at));
  }
  return list;
}

/** Days after the first one, of texts that begin with dd/mm/yyyy. */
function daysOf(list: readonly string[]): number[] {
  const days = list.map((text) => {
    const [day = 0, month = 0, year = 0] = text.slice(0, 10).split('/').map(Number);
    return Date.UTC(year, month - 1, day) / (24 * HOUR);
  });
  return days.map((day) => day - (days[0] ?? 0));
}

describe('the grid of an interval', () => {
  test('its next slot lies after now and at most one interval away', () => {
    fc.assert(
      fc.property(anchorMs, intervalMs, fc.double({ min: -1e9, max: 1e9, noNaN: true }), (anchor, interval, after) => {
        const due = nextGridSlot(anchor, interval, after);
        expect(due).toBeGreaterThan(after);
        expect(due - after).toBeLessThanOrEqual(interval + 1e-3);
      }),
    );
  });

  test('the slot after a slot is never that slot again, however the division is rounded', () => {
    fc.assert(
      fc.property(anchorMs, intervalMs, fc.integer({ min: 0, max: 100_000 }), (anchor, interval, k) => {
        const slot = anchor + k * interval;
        const next = nextGridSlot(anchor, interval, slot);
        expect(next).toBeGreaterThan(slot);
        expect(Math.abs(next - (anchor + (k + 1) * interval))).toBeLessThan(1e-3);
      }),
      { numRuns: 20_000 },
    );
  });

  test('before the anchor the next slot is on the same grid', () => {
    expect(nextGridSlot(10_000, 1_000, 7_400)).toBe(8_000);
    expect(nextGridSlot(10_000, 1_000, 9_999.5)).toBe(10_000);
    expect(nextGridSlot(10_000, 1_000, 10_000)).toBe(11_000);
  });

  test('counts the slots between two due times', () => {
    expect(skippedSlots(1_000, 2_000, 1_000)).toBe(0);
    expect(skippedSlots(1_000, 601_000, 1_000)).toBe(599);
    expect(skippedSlots(1_000.3, 4_000.299999, 1_000)).toBe(2);
    expect(skippedSlots(1_000, 1_000, 1_000)).toBe(0);
  });
});

describe('the phase of a worker', () => {
  test('lies within its interval and is always the same', () => {
    fc.assert(
      fc.property(fc.string(), intervalMs, (worker, interval) => {
        const phase = phaseOf(worker, interval);
        expect(phase).toBeGreaterThanOrEqual(0);
        expect(phase).toBeLessThan(interval);
        expect(phaseOf(worker, interval)).toBe(phase);
      }),
    );
  });

  test('spreads 500 workers of a minute so that no second has more than three times its share', () => {
    const perSecond = new Array<number>(60).fill(0);
    for (let i = 0; i < 500; i++) {
      const second = Math.floor(phaseOf(`default/worker-${i}`, 60_000) / 1_000);
      perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
    expect(Math.max(...perSecond)).toBeLessThanOrEqual(25);
  });
});

describe('cron', () => {
  test('has five fields, or six with seconds', () => {
    expect(runs('*/15 * * * *', 'UTC', '2026-01-01T00:01:00Z', 2)).toEqual([
      '01/01/2026, 00:15:00',
      '01/01/2026, 00:30:00',
    ]);
    expect(runs('*/20 * * * * *', 'UTC', '2026-01-01T00:00:01Z', 2)).toEqual([
      '01/01/2026, 00:00:20',
      '01/01/2026, 00:00:40',
    ]);
  });

  test('names a time only once: the run after a run is later', () => {
    const first = nextCron('0 12 * * *', 'UTC', Date.UTC(2026, 0, 1)) ?? 0;
    expect(nextCron('0 12 * * *', 'UTC', first)).toBe(first + 24 * HOUR);
  });

  test('is null when there is no further time', () => {
    expect(nextCron('0 0 30 2 *', 'UTC', Date.UTC(2026, 0, 1))).toBeNull();
  });

  test.each([
    ['Europe/Berlin', '2026-03-28T12:00:00Z', '30 2 * * *'],
    ['America/New_York', '2026-03-07T12:00:00Z', '30 2 * * *'],
    ['Australia/Lord_Howe', '2026-10-03T00:00:00Z', '10 2 * * *'],
    ['Africa/Cairo', '2026-04-23T12:00:00Z', '30 0 * * *'],
  ])(
    'a daily time that the spring change of %s leaves out runs once that day all the same',
    (zone, from, expression) => {
      expect(daysOf(runs(expression, zone, from, 4))).toEqual([0, 1, 2, 3]);
    },
  );

  test.each([
    ['Europe/Berlin', '2026-10-24T12:00:00Z', '30 2 * * *'],
    ['America/New_York', '2026-10-31T12:00:00Z', '30 1 * * *'],
    ['Australia/Lord_Howe', '2026-04-04T00:00:00Z', '45 1 * * *'],
    ['Africa/Cairo', '2026-10-29T12:00:00Z', '30 23 * * *'],
  ])('a daily time that the autumn change of %s has twice runs once', (zone, from, expression) => {
    expect(daysOf(runs(expression, zone, from, 4))).toEqual([0, 1, 2, 3]);
  });

  test.each([
    ['Europe/Berlin', '2026-03-28T22:00:00Z'],
    ['Europe/Berlin', '2026-10-24T22:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T12:00:00Z'],
    ['America/New_York', '2026-11-01T03:00:00Z'],
  ])('every ten minutes has no gap over a change of %s (%s)', (zone, from) => {
    let at = Date.parse(from);
    for (let i = 0; i < 60; i++) {
      const next = nextCron('*/10 * * * *', zone, at) ?? 0;
      expect(next - at).toBe(600_000);
      at = next;
    }
  });

  test('counts the times that were passed over, up to a limit', () => {
    const from = Date.UTC(2026, 0, 1);
    expect(countCron('* * * * *', 'UTC', from, from + HOUR)).toBe(60);
    expect(countCron('* * * * *', 'UTC', from, from + HOUR, 10)).toBe(10);
    expect(countCron('* * * * *', 'UTC', from, from + 59_999)).toBe(0);
    expect(countCron('* * * * *', 'UTC', from, from + 60_000)).toBe(1);
  });
});
