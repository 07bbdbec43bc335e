import { describe, expect, test } from 'vitest';
import { Parking } from '../../src/supervisor/parking.ts';
import type { WorkerSelf } from '../../src/supervisor/worker-self.ts';
import { type PartOptions, settingsOf } from '../support/worker-parts.ts';

const TEN_MINUTES = { kind: 'interval', intervalMs: 600_000 } as const;

interface Case extends PartOptions {
  readonly recyclable?: boolean;
  readonly waitMs?: number;
  readonly resident?: number;
}

/** At most ten may stay resident. */
function mayPark({ recyclable = true, waitMs = 590_000, resident = 11, ...options }: Case): boolean {
  const self = settingsOf({ language: 'python', schedule: TEN_MINUTES, ...options }) as unknown as WorkerSelf;
  return new Parking(10).mayPark(self, recyclable, waitMs, () => resident);
}

describe('parking', () => {
  test('gives back a Python worker with a long interval when there are too many', () => {
    expect(mayPark({})).toBe(true);
    expect(mayPark({ schedule: { kind: 'interval', intervalMs: 300_000 } })).toBe(true);
  });

  test.each<[string, Case]>([
    ['while memory is left', { resident: 10 }],
    ['a JavaScript worker', { language: 'javascript' }],
    ['one that ticks more often than every five minutes', { schedule: { kind: 'interval', intervalMs: 299_999 } }],
    ['one that would lose globals that its setup bound', { recyclable: false }],
    ['one that is due soon', { waitMs: 10_000 }],
  ])('never gives back %s', (_what, options) => {
    expect(mayPark(options)).toBe(false);
  });

  test('decides about cron by the time until the next tick', () => {
    const schedule = { kind: 'cron', expression: '0 * * * *', timezone: 'UTC', catchUp: 'none' } as const;
    expect(mayPark({ schedule, waitMs: 3_000_000 })).toBe(true);
    expect(mayPark({ schedule, waitMs: 9_000 })).toBe(false);
  });

  test('lets at least one worker stay on the smallest machine', () => {
    const self = settingsOf({ language: 'python', schedule: TEN_MINUTES }) as unknown as WorkerSelf;
    expect(new Parking().mayPark(self, true, 590_000, () => 1)).toBe(false);
  });
});
