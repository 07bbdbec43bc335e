import { describe, expect, test } from 'vitest';
import { WorkerClock } from '../../src/supervisor/worker-clock.ts';
import type { Schedule } from '../../src/workers/definition.ts';
import { FakeClock } from '../support/fake-clock.ts';

const every = (intervalMs: number): Schedule => ({ kind: 'interval', intervalMs });
const cron = (expression: string, catchUp: 'none' | 'one' = 'none'): Schedule => ({
  kind: 'cron',
  expression,
  timezone: 'UTC',
  catchUp,
});

/** A small generator of its own, so that a failure can be played again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function started(clock: FakeClock, phase = 0): { worker: WorkerClock; anchor: number } {
  const worker = new WorkerClock(clock);
  const anchor = worker.start(phase);
  return { worker, anchor };
}

/** Waits for the next slot and takes it. */
function tick(worker: WorkerClock, clock: FakeClock, schedule: Schedule) {
  const due = worker.next(schedule);
  clock.advance(Math.max(0, due.dueMono - clock.monoMs()));
  expect(worker.take(due)).toBe(!due.lookAgain);
  return due;
}

describe('the clock of a worker with an interval', () => {
  test('has no drift over 100,000 slots, however long the ticks are', () => {
    const clock = new FakeClock({ monoMs: 1_234.567 });
    const { worker } = started(clock);
    const next = random(7);
    let slots = 0;
    let skipped = 0;
    let last = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < 100_000; i++) {
      const due = tick(worker, clock, every(1_000));
      expect(due.dueMono).toBeGreaterThan(last);
      last = due.dueMono;
      slots += 1 + due.skipped;
      skipped += due.skipped;
      // Slots are exactly anchor + k * interval.
      if (due.dueMono !== 1_234.567 + slots * 1_000) expect(due.dueMono).toBeCloseTo(1_234.567 + slots * 1_000, 4);
      clock.advance(next() < 0.1 ? next() * 4_000 : next() * 900);
    }
    expect(skipped).toBeGreaterThan(1_000);
  });

  test('a tick that is over before the timer should have fired does not get its slot twice', () => {
    const clock = new FakeClock({ monoMs: 0.1 });
    const { worker } = started(clock);
    let last = 0;
    for (let i = 0; i < 10_000; i++) {
      const due = worker.next(every(333));
      expect(due.dueMono - last).toBeGreaterThan(300);
      // The scheduler may fire half a millisecond early.
      clock.advance(due.dueMono - 0.4 - clock.monoMs());
      expect(worker.take(due)).toBe(true);
      last = due.dueMono;
    }
  });

  test.each([-3_600_000, 3_600_000, 10 * 365 * 86_400_000])(
    'does not move when the calendar jumps by %i ms',
    (jump) => {
      const clock = new FakeClock();
      const { worker } = started(clock);
      const first = tick(worker, clock, every(1_000));
      clock.jumpWall(jump);
      const second = tick(worker, clock, every(1_000));
      expect(second.dueMono - first.dueMono).toBe(1_000);
      expect(second.skipped).toBe(0);
    },
  );

  test('skips the slots that a long tick passes over, and counts them', () => {
    const clock = new FakeClock();
    const { worker } = started(clock);
    const first = tick(worker, clock, every(1_000));
    clock.advance(3_500);
    const second = tick(worker, clock, every(1_000));
    expect(second.dueMono - first.dueMono).toBe(4_000);
    expect(second.skipped).toBe(3);
    expect(tick(worker, clock, every(1_000)).skipped).toBe(0);
  });

  test('the first tick of a start comes at once, and the grid begins there', () => {
    const clock = new FakeClock();
    const { worker, anchor } = started(clock);
    expect(anchor).toBe(clock.wallMs());
    clock.advance(250);
    expect(worker.tickNow()).toBe(clock.wallMs());
    const first = worker.next(every(1_000));
    expect(first.waitMs).toBe(0);
    expect(first.dueMono).toBe(clock.monoMs());
    expect(worker.take(first)).toBe(true);
    const second = tick(worker, clock, every(1_000));
    expect(second.dueMono).toBe(6_250);
    expect(second.skipped).toBe(0);
  });

  test('a slow setup moves the grid, and slots that go by after it are counted', () => {
    const clock = new FakeClock();
    const { worker } = started(clock);
    clock.advance(2_300);
    worker.tickNow();
    tick(worker, clock, every(1_000));
    clock.advance(1_900);
    // The tick was the slot at 7,300; 8,300 went by while it ran.
    const next = tick(worker, clock, every(1_000));
    expect(next.dueMono).toBe(9_300);
    expect(next.skipped).toBe(1);
  });

  test('the grid begins at the phase, which is in the anchor', () => {
    const clock = new FakeClock();
    const { worker, anchor } = started(clock, 400);
    expect(anchor - clock.wallMs()).toBe(400);
    expect(tick(worker, clock, every(1_000)).dueMono).toBe(5_400);
    expect(tick(worker, clock, every(1_000)).dueMono).toBe(6_400);
  });

  test('a new interval begins at the last slot, with nothing skipped', () => {
    const clock = new FakeClock();
    const { worker } = started(clock);
    tick(worker, clock, every(10_000));
    clock.advance(1_500);
    worker.reschedule(every(2_000));
    const next = worker.next(every(2_000));
    expect(next.dueMono).toBe(17_000);
    expect(next.skipped).toBe(0);
  });

  test('a new interval keeps its grid over a restart of the node', () => {
    const clock = new FakeClock();
    const { worker } = started(clock);
    tick(worker, clock, every(10_000));
    clock.advance(1_500);
    const anchor = worker.reschedule(every(2_000));
    const later = new WorkerClock(clock);
    later.resume(anchor, null, every(2_000));
    expect(later.next(every(2_000)).dueMono).toBe(worker.next(every(2_000)).dueMono);
  });

  test('after a restart of the node the same grid goes on, and the slots of the absence are counted', () => {
    const before = new FakeClock();
    const first = started(before);
    const due = tick(first.worker, before, every(1_000));
    // Another process: its monotonic clock has nothing to do with the first one's.
    const clock = new FakeClock({ monoMs: 77, wallMs: due.dueWall + 600_000 - 300 });
    const worker = new WorkerClock(clock);
    worker.resume(first.anchor, due.dueWall, every(1_000));
    const next = worker.next(every(1_000));
    expect(next.waitMs).toBeCloseTo(300, 5);
    expect(next.dueWall).toBeCloseTo(due.dueWall + 600_000, 5);
    expect(next.skipped).toBe(599);
  });

  test('a tick that was sent late counts for its own slot after a restart', () => {
    const before = new FakeClock();
    const first = started(before);
    const due = tick(first.worker, before, every(1_000));
    const clock = new FakeClock({ monoMs: 9, wallMs: due.dueWall + 1_500 });
    const worker = new WorkerClock(clock);
    worker.resume(first.anchor, due.dueWall + 40, every(1_000));
    expect(worker.next(every(1_000)).skipped).toBe(1);
  });

  test('names the next slot until it is taken', () => {
    const clock = new FakeClock();
    const { worker } = started(clock);
    const due = worker.next(every(1_000));
    expect(worker.nextDueWallMs).toBe(due.dueWall);
    worker.take(due);
    expect(worker.nextDueWallMs).toBeNull();
  });
});

describe('the clock of a worker with a cron expression', () => {
  test('ticks at the named times of the calendar', () => {
    const clock = new FakeClock();
    const { worker } = started(clock);
    const dues = [1, 2, 3].map(() => tick(worker, clock, cron('*/5 * * * * *')).dueWall - Date.UTC(2026, 0, 1));
    expect(dues).toEqual([5_000, 10_000, 15_000]);
  });

  test('looks at the calendar every 30 seconds, so that a jump forward is noticed', () => {
    const clock = new FakeClock();
    const { worker } = started(clock);
    const schedule = cron('0 12 * * *');
    const look = worker.next(schedule);
    expect(look.lookAgain).toBe(true);
    expect(look.dueMono - clock.monoMs()).toBe(30_000);
    expect(worker.nextDueWallMs).toBe(Date.UTC(2026, 0, 1, 12));
    clock.advance(30_000);
    expect(worker.take(look)).toBe(false);
    clock.jumpWall(12 * 3_600_000 - 30_000 - 10_000);
    const due = worker.next(schedule);
    expect(due.lookAgain).toBe(false);
    expect(due.waitMs).toBe(10_000);
  });

  test('never names a time twice when the calendar jumps back', () => {
    const clock = new FakeClock();
    const { worker } = started(clock);
    const first = tick(worker, clock, cron('*/10 * * * * *'));
    clock.jumpWall(-5_000);
    const second = worker.next(cron('*/10 * * * * *'));
    expect(second.dueWall).toBe(first.dueWall + 10_000);
  });

  test('counts the times that a long tick passed over', () => {
    const clock = new FakeClock();
    const { worker } = started(clock);
    tick(worker, clock, cron('* * * * * *'));
    clock.advance(3_500);
    expect(tick(worker, clock, cron('* * * * * *')).skipped).toBe(3);
  });

  test.each([
    ['none', 0, 60_000],
    ['one', 1, 0],
  ] as const)('after an absence catchUp %s runs %i missed tick', (catchUp, missed, waitMs) => {
    const last = Date.UTC(2026, 0, 1, 10);
    const clock = new FakeClock({ wallMs: last + 2 * 3_600_000 + 60_000 - 60_000 });
    const worker = new WorkerClock(clock);
    const schedule = cron('*/1 * * * *', catchUp);
    worker.resume(last, last, schedule);
    const due = worker.next(schedule);
    if (missed === 1) {
      expect(due.waitMs).toBe(0);
      expect(worker.take(due)).toBe(true);
      clock.advance(1);
      const next = worker.next(schedule);
      expect(next.dueWall).toBe(last + 2 * 3_600_000 + 60_000);
    } else {
      expect(due.waitMs).toBe(waitMs);
      expect(due.dueWall).toBe(last + 2 * 3_600_000 + 60_000);
    }
  });

  test('catchUp one does nothing when nothing was missed', () => {
    const last = Date.UTC(2026, 0, 1, 10);
    const clock = new FakeClock({ wallMs: last + 20_000 });
    const worker = new WorkerClock(clock);
    worker.resume(last, last, cron('* * * * *', 'one'));
    expect(worker.next(cron('* * * * *', 'one')).waitMs).toBeGreaterThan(0);
  });

  test('the slots missed before a catch-up tick are counted', () => {
    const last = Date.UTC(2026, 0, 1, 10);
    const clock = new FakeClock({ wallMs: last + 10 * 60_000 + 1 });
    const worker = new WorkerClock(clock);
    const schedule = cron('* * * * *', 'one');
    worker.resume(last, last, schedule);
    // Ten times went by; the catch-up tick stands for the last of them.
    expect(worker.next(schedule).skipped).toBe(9);
  });

  test('a catch-up tick is due at the slot that was missed last, in the zone of the schedule, and the next at its own', () => {
    const schedule = { ...cron('30 9 * * *', 'one'), timezone: 'Europe/Berlin' } as Schedule;
    const last = Date.UTC(2026, 2, 27, 8, 30);
    // Down over the change to summer time: 30 March, 12:00 in Berlin. The last slot was 09:30, which is 07:30 UTC.
    const clock = new FakeClock({ wallMs: Date.UTC(2026, 2, 30, 10) });
    const worker = new WorkerClock(clock);
    worker.resume(last, last, schedule);
    const due = worker.next(schedule);
    expect(due).toMatchObject({ dueWall: Date.UTC(2026, 2, 30, 7, 30), waitMs: 0, skipped: 2 });
    expect(worker.nextDueWallMs).toBe(due.dueWall);
    expect(worker.take(due)).toBe(true);
    expect(worker.next(schedule)).toMatchObject({ dueWall: Date.UTC(2026, 2, 31, 7, 30), lookAgain: true });
  });

  test('a start leaves a catch-up tick that had not come behind', () => {
    const last = Date.UTC(2026, 0, 1, 10);
    const clock = new FakeClock({ wallMs: last + 10 * 60_000 + 1 });
    const worker = new WorkerClock(clock);
    const schedule = cron('* * * * *', 'one');
    worker.resume(last, last, schedule);
    worker.start(0);
    worker.tickNow();
    expect(worker.next(schedule)).toMatchObject({ dueWall: clock.wallMs(), skipped: 0 });
  });
});
