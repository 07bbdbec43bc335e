/** Time passes by itself, as it does for real cells, and the test can make much of it pass at once. */
import type { Clock } from '../../src/core/clock.ts';

interface Timer {
  readonly due: number;
  readonly fire: () => void;
  handle: NodeJS.Timeout;
}

export class JumpClock implements Clock {
  #ahead = 0;
  readonly #timers = new Set<Timer>();

  wallMs(): number {
    return Date.now() + this.#ahead;
  }

  monoMs(): number {
    return performance.now() + this.#ahead;
  }

  after(delayMs: number, fire: () => void): () => void {
    const timer: Timer = { due: this.monoMs() + delayMs, fire, handle: setTimeout(() => undefined, 0) };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => {
      clearTimeout(timer.handle);
      this.#timers.delete(timer);
    };
  }

  /** What comes due meanwhile has fired, in its order, when this returns. */
  jump(ms: number): void {
    this.#ahead += ms;
    const now = this.monoMs();
    for (const timer of [...this.#timers].sort((a, b) => a.due - b.due)) {
      if (!this.#timers.has(timer)) continue;
      if (timer.due <= now) this.#fire(timer);
      else this.#arm(timer);
    }
  }

  #fire(timer: Timer): void {
    clearTimeout(timer.handle);
    this.#timers.delete(timer);
    timer.fire();
  }

  #arm(timer: Timer): void {
    clearTimeout(timer.handle);
    timer.handle = setTimeout(() => this.#fire(timer), Math.max(0, timer.due - this.monoMs()));
  }
}
