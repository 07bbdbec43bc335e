/** One timer for all workers: a heap of due times on the monotonic clock. */
import type { Clock } from '../core/clock.ts';

export interface Armed {
  readonly due: number;
  readonly fire: (due: number) => void;
  /** Place in the heap, or -1. */
  at: number;
}

/** Timers may fire a little early; what is due within this is fired. */
const EARLY_MS = 0.5;
/** A timer that is late by this does not come any more. */
const LOST_MS = 1_000;

export class Scheduler {
  readonly #clock: Clock;
  readonly #heap: Armed[] = [];
  #cancelTimer: (() => void) | null = null;
  #timerDue = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `fire` once when `due` (monotonic ms) has come. */
  arm(due: number, fire: (due: number) => void): Armed {
    const armed: Armed = { due, fire, at: this.#heap.length };
    if (this.#stopped) return { ...armed, at: -1 };
    this.#heap.push(armed);
    this.#up(armed.at);
    this.#setTimer();
    return armed;
  }

  disarm(armed: Armed): void {
    if (armed.at >= 0 && this.#heap[armed.at] === armed) this.#remove(armed.at);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    for (const armed of this.#heap.splice(0)) armed.at = -1;
  }

  #setTimer(): void {
    const first = this.#heap[0];
    if (first === undefined) return;
    // A timer that should have come long ago never will: all workers would wait for it.
    if (first.due >= this.#timerDue && this.#clock.monoMs() - this.#timerDue < LOST_MS) return;
    this.#cancelTimer?.();
    this.#timerDue = first.due;
    this.#cancelTimer = this.#clock.after(first.due - this.#clock.monoMs(), () => this.#wake());
  }

  #wake(): void {
    this.#cancelTimer = null;
    this.#timerDue = Number.POSITIVE_INFINITY;
    const now = this.#clock.monoMs() + EARLY_MS;
    for (let first = this.#heap[0]; first !== undefined && first.due <= now; first = this.#heap[0]) {
      this.#remove(0);
      first.fire(first.due);
    }
    this.#setTimer();
  }

  #remove(at: number): void {
    const heap = this.#heap;
    const gone = heap[at] as Armed;
    const last = heap.pop() as Armed;
    gone.at = -1;
    if (last === gone) return;
    heap[at] = last;
    last.at = at;
    this.#up(at);
    this.#down(last.at);
  }

  #up(from: number): void {
    const heap = this.#heap;
    const item = heap[from] as Armed;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Armed;
      if (parent.due <= item.due) break;
      heap[at] = parent;
      parent.at = at;
      at = above;
    }
    heap[at] = item;
    item.at = at;
  }

  #down(from: number): void {
    const heap = this.#heap;
    const item = heap[from] as Armed;
    let at = from;
    for (;;) {
      let below = at * 2 + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && (heap[below + 1] as Armed).due < (heap[below] as Armed).due) below += 1;
      const child = heap[below] as Armed;
      if (child.due >= item.due) break;
      heap[at] = child;
      child.at = at;
      at = below;
    }
    heap[at] = item;
    item.at = at;
  }
}
