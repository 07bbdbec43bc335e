import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Armed, Scheduler } from '../../src/supervisor/scheduler.ts';
import { FakeClock } from '../support/fake-clock.ts';

type Step =
  | { readonly kind: 'arm'; readonly inMs: number }
  | { readonly kind: 'disarm'; readonly which: number }
  | { readonly kind: 'advance'; readonly ms: number };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.double({ min: -50, max: 1_000, noNaN: true }).map((inMs): Step => ({ kind: 'arm', inMs })),
    },
    { weight: 2, arbitrary: fc.nat(1_000).map((which): Step => ({ kind: 'disarm', which })) },
    { weight: 3, arbitrary: fc.double({ min: 0, max: 400, noNaN: true }).map((ms): Step => ({ kind: 'advance', ms })) },
  ),
  { maxLength: 200 },
);

interface Entry {
  readonly armed: Armed;
  firedAt: number | null;
  disarmed: boolean;
}

/** Runs the steps and checks at every firing that it is due, the earliest, and the first of its entry. */
function walk(list: readonly Step[]): { entries: Entry[]; clock: FakeClock } {
  const clock = new FakeClock();
  const scheduler = new Scheduler(clock);
  const entries: Entry[] = [];
  for (const step of list) {
    switch (step.kind) {
      case 'arm': {
        const entry: Entry = {
          firedAt: null,
          disarmed: false,
          armed: scheduler.arm(clock.monoMs() + step.inMs, (due) => {
            expect(entry.firedAt, 'fires once').toBeNull();
            expect(entry.disarmed, 'does not fire when disarmed').toBe(false);
            expect(due).toBe(entry.armed.due);
            expect(clock.monoMs(), 'never early').toBeGreaterThanOrEqual(due - 0.5);
            for (const other of entries)
              if (other.firedAt === null && !other.disarmed) expect(other.armed.due).toBeGreaterThanOrEqual(due);
            entry.firedAt = clock.monoMs();
          }),
        };
        entries.push(entry);
        break;
      }
      case 'disarm': {
        const entry = entries[step.which % Math.max(1, entries.length)];
        if (entry === undefined) break;
        scheduler.disarm(entry.armed);
        if (entry.firedAt === null) entry.disarmed = true;
        break;
      }
      case 'advance':
        clock.advance(step.ms);
        for (const entry of entries)
          if (!entry.disarmed && entry.firedAt === null) expect(entry.armed.due).toBeGreaterThan(clock.monoMs());
        break;
    }
    expect(clock.pending, 'one timer for all').toBeLessThanOrEqual(1);
  }
  clock.advance(10_000);
  return { entries, clock };
}

describe('the scheduler', () => {
  test('fires in due order, exactly once, never early, with one timer, whatever is armed and disarmed', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const { entries, clock } = walk(list);
        for (const entry of entries) expect(entry.firedAt === null).toBe(entry.disarmed);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('keeps its order when many of a large number are disarmed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 30, maxLength: 80 }),
        fc.array(fc.nat(80), { minLength: 10, maxLength: 40 }),
        (delays, gone) => {
          const steps = delays.map((inMs): Step => ({ kind: 'arm', inMs }));
          walk([...steps, ...gone.map((which): Step => ({ kind: 'disarm', which }))]);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('fires on time: at the moment that is due, not later', () => {
    const clock = new FakeClock();
    const scheduler = new Scheduler(clock);
    const fired: number[] = [];
    for (const ms of [700, 100, 400]) scheduler.arm(clock.monoMs() + ms, () => fired.push(clock.monoMs() - 5_000));
    clock.advance(1_000);
    expect(fired).toEqual([100, 400, 700]);
  });

  test('goes on when a callback arms and disarms others', () => {
    const clock = new FakeClock();
    const scheduler = new Scheduler(clock);
    const fired: string[] = [];
    const gone = scheduler.arm(clock.monoMs() + 200, () => fired.push('gone'));
    scheduler.arm(clock.monoMs() + 100, () => {
      fired.push('first');
      scheduler.disarm(gone);
      scheduler.arm(clock.monoMs() - 5, () => fired.push('overdue'));
      scheduler.arm(clock.monoMs() + 50, () => fired.push('later'));
    });
    clock.advance(300);
    expect(fired).toEqual(['first', 'overdue', 'later']);
  });

  test('looks at the clock again when a long timer ends early', () => {
    const clock = new FakeClock();
    const real = clock.after.bind(clock);
    clock.after = (ms, fire) => real(Math.min(ms, 2 ** 31 - 1), fire);
    const scheduler = new Scheduler(clock);
    let firedAt = 0;
    scheduler.arm(5_000 + 3 * 2 ** 31, () => {
      firedAt = clock.monoMs();
    });
    clock.advance(2 ** 31);
    expect(firedAt).toBe(0);
    clock.advance(2 ** 32);
    expect(firedAt).toBe(5_000 + 3 * 2 ** 31);
  });

  test('fires nothing and holds no timer after stop', () => {
    const clock = new FakeClock();
    const scheduler = new Scheduler(clock);
    let fired = 0;
    const armed = scheduler.arm(clock.monoMs() + 10, () => {
      fired += 1;
    });
    scheduler.stop();
    scheduler.disarm(armed);
    scheduler.arm(clock.monoMs() + 10, () => {
      fired += 1;
    });
    clock.advance(100);
    expect(fired).toBe(0);
    expect(clock.pending).toBe(0);
  });
});
