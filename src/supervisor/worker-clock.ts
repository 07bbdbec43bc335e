/**
 * A worker's own schedule in this process: where its grid lies on the monotonic clock, which slot is next, how many were
 * passed over. Wall time comes in only for cron and for the anchor that is kept with the state.
 */
import type { Clock } from '../core/clock.ts';
import type { Schedule } from '../workers/definition.ts';
import { countCron, lastCron, nextCron, nextGridSlot, skippedSlots } from './schedule.ts';

export interface Due {
  readonly dueMono: number;
  /** Unix ms of the slot. */
  readonly dueWall: number;
  readonly waitMs: number;
  /** Slots passed over since the last tick. */
  readonly skipped: number;
  /** Not the slot itself, only a moment to look at the calendar again. */
  readonly lookAgain: boolean;
}

/** Cron follows the calendar, which may jump: nobody sleeps longer than this without looking at it. */
const LOOK_AGAIN_MS = 30_000;

export class WorkerClock {
  readonly #clock: Clock;
  #anchorMono = 0;
  #phase = 0;
  #intervalMs = 0;
  #lastDueMono: number | null = null;
  #lastDueWall: number | null = null;
  #now = false;
  /** Slots that the tick which comes now stands for, beyond its own. */
  #missed = 0;
  /** The slot that a catch-up tick stands for, Unix ms. */
  #catchUpWall: number | null = null;
  #due: Due | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get nextDueWallMs(): number | null {
    return this.#due?.dueWall ?? null;
  }

  /** A start: the grid begins `phase` ms from now, or from the first tick once that comes. Returns the anchor, Unix ms. */
  start(phase: number): number {
    this.#phase = phase;
    this.#anchorMono = this.#clock.monoMs() + phase;
    this.#lastDueMono = null;
    this.#lastDueWall = null;
    this.#missed = 0;
    this.#catchUpWall = null;
    this.#due = null;
    return this.#clock.wallMs() + phase;
  }

  /** After a restart of the node: the same grid, and the next slot of it. */
  resume(anchorWall: number, lastTickAt: number | null, schedule: Schedule): void {
    const monoOf = (wallMs: number): number => this.#clock.monoMs() - (this.#clock.wallMs() - wallMs);
    this.#anchorMono = monoOf(anchorWall);
    this.#intervalMs = schedule.kind === 'interval' ? schedule.intervalMs : 0;
    this.#lastDueMono = lastTickAt === null ? null : this.#slotBefore(monoOf(lastTickAt));
    this.#lastDueWall = lastTickAt;
    this.#now = false;
    this.#missed = 0;
    this.#catchUpWall = null;
    if (schedule.kind === 'cron' && schedule.catchUp === 'one' && lastTickAt !== null) {
      const missed = countCron(schedule.expression, schedule.timezone, lastTickAt, this.#clock.wallMs());
      this.#now = missed > 0;
      this.#catchUpWall = missed > 0 ? lastCron(schedule.expression, schedule.timezone, this.#clock.wallMs()) : null;
      this.#missed = Math.max(0, missed - 1);
    }
  }

  /** The first tick of a start comes right after its setup, and the grid begins there. Returns the anchor, Unix ms. */
  tickNow(): number {
    this.#now = true;
    this.#anchorMono = this.#clock.monoMs() + this.#phase;
    return this.#clock.wallMs() + this.#phase;
  }

  /** A new interval: its grid begins at the last slot, so that the next tick is one interval after it. */
  reschedule(schedule: Schedule): number {
    const now = this.#clock.monoMs();
    if (schedule.kind === 'interval') this.#anchorMono = this.#lastDueMono ?? now;
    this.#due = null;
    return this.#clock.wallMs() + (this.#anchorMono - now);
  }

  next(schedule: Schedule): Due {
    const now = this.#clock.monoMs();
    const wall = this.#clock.wallMs();
    this.#due = this.#now
      ? { dueMono: now, dueWall: this.#catchUpWall ?? wall, waitMs: 0, skipped: this.#missed, lookAgain: false }
      : schedule.kind === 'interval'
        ? this.#nextInterval(schedule.intervalMs, now, wall)
        : this.#nextCron(schedule, now, wall);
    return this.#due;
  }

  /** The due time has come. False: it was only a look at the calendar. */
  take(due: Due): boolean {
    this.#due = null;
    if (due.lookAgain) return false;
    if (this.#now) {
      this.#now = false;
      this.#missed = 0;
      this.#catchUpWall = null;
      this.#lastDueWall = due.dueWall;
      this.#lastDueMono = this.#slotBefore(due.dueMono);
      return true;
    }
    this.#lastDueMono = due.dueMono;
    this.#lastDueWall = due.dueWall;
    return true;
  }

  /** The slot that a tick at `mono` belongs to. */
  #slotBefore(mono: number): number {
    if (this.#intervalMs === 0) return mono;
    return nextGridSlot(this.#anchorMono, this.#intervalMs, mono) - this.#intervalMs;
  }

  #nextInterval(intervalMs: number, now: number, wall: number): Due {
    this.#intervalMs = intervalMs;
    const after = Math.max(now, this.#lastDueMono ?? Number.NEGATIVE_INFINITY);
    const dueMono = nextGridSlot(this.#anchorMono, intervalMs, after);
    const skipped = this.#lastDueMono === null ? 0 : skippedSlots(this.#lastDueMono, dueMono, intervalMs);
    return { dueMono, dueWall: Math.round(wall + (dueMono - now)), waitMs: dueMono - now, skipped, lookAgain: false };
  }

  #nextCron(schedule: Extract<Schedule, { kind: 'cron' }>, now: number, wall: number): Due {
    const { expression, timezone } = schedule;
    const dueWall = nextCron(expression, timezone, Math.max(wall, this.#lastDueWall ?? 0));
    const waitMs = dueWall === null ? Number.POSITIVE_INFINITY : Math.max(0, dueWall - wall);
    if (dueWall === null || waitMs > LOOK_AGAIN_MS)
      return {
        dueMono: now + LOOK_AGAIN_MS,
        dueWall: dueWall ?? wall,
        waitMs: Math.min(waitMs, Number.MAX_SAFE_INTEGER),
        skipped: 0,
        lookAgain: true,
      };
    const from = this.#lastDueWall;
    const skipped = from === null ? 0 : Math.max(0, countCron(expression, timezone, from, dueWall) - 1);
    return { dueMono: now + waitMs, dueWall, waitMs, skipped, lookAgain: false };
  }
}
