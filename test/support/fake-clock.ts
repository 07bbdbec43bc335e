/** A clock that stands still until the test moves it. Timers fire in order of their time, never before `advance` is called. */
import type { Clock } from '../../src/core/clock.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
}

export interface FakeClockOptions {
  /** Monotonic ms at the beginning. */
  readonly monoMs?: number;
  /** Unix ms at the beginning. */
  readonly wallMs?: number;
}

export class FakeClock implements Clock {
  #mono: number;
  /** What the calendar is ahead of the monotonic clock. */
  #wallAhead: number;
  #timers: Timer[] = [];
  #count = 0;

  constructor({ monoMs = 5_000, wallMs = Date.UTC(2026, 0, 1) }: FakeClockOptions = {}) {
    this.#mono = monoMs;
    this.#wallAhead = wallMs - monoMs;
  }

  wallMs(): number {
    return this.#mono + this.#wallAhead;
  }

  monoMs(): number {
    return this.#mono;
  }

  after(delayMs: number, fire: () => void): () => void {
    const timer: Timer = { at: this.#mono + Math.max(0, delayMs), order: this.#count++, fire };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Milliseconds until the first timer; null without one. */
  get nextInMs(): number | null {
    const first = this.#first();
    return first === undefined ? null : first.at - this.#mono;
  }

  /** Only the calendar jumps. */
  jumpWall(ms: number): void {
    this.#wallAhead += ms;
  }

  /** Time passes and nobody notices: no timer fires before the next {@link advance}. */
  stall(ms: number): void {
    this.#mono += ms;
  }

  /** The timer that would fire next never will. */
  loseNext(): void {
    const first = this.#first();
    this.#timers = this.#timers.filter((timer) => timer !== first);
  }

  /** Time passes; every timer that comes due meanwhile fires at its own time. */
  advance(ms: number): void {
    const until = this.#mono + ms;
    for (let first = this.#first(); first !== undefined && first.at <= until; first = this.#first()) {
      this.#timers = this.#timers.filter((other) => other !== first);
      this.#mono = Math.max(this.#mono, first.at);
      first.fire();
    }
    this.#mono = until;
  }

  /** Like {@link advance}, and promises that wait for a timer go on before the next one fires. */
  async advanceAsync(ms: number): Promise<void> {
    const until = this.#mono + ms;
    await settle();
    for (let first = this.#first(); first !== undefined && first.at <= until; first = this.#first()) {
      this.advance(Math.max(0, first.at - this.#mono));
      await settle();
    }
    this.#mono = until;
    await settle();
  }

  #first(): Timer | undefined {
    return this.#timers.reduce<Timer | undefined>(
      (best, timer) =>
        best === undefined || timer.at < best.at || (timer.at === best.at && timer.order < best.order) ? timer : best,
      undefined,
    );
  }
}

/** Lets every promise that can go on go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
