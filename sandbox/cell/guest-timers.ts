/** Timers that a guest asked for. They end with its run: nothing of a worker stirs between two calls. */
export class GuestTimers {
  readonly #onDue: (call: number) => void;
  readonly #timers = new Map<number, NodeJS.Timeout>();

  constructor(onDue: (call: number) => void) {
    this.#onDue = onDue;
  }

  /** A negative time takes the timer back. */
  set(call: number, ms: number): void {
    clearTimeout(this.#timers.get(call));
    this.#timers.delete(call);
    if (ms < 0) return;
    const timer = setTimeout(() => {
      this.#timers.delete(call);
      this.#onDue(call);
    }, ms);
    this.#timers.set(call, timer);
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}

/** One moment at which something must happen, unless it is put off. */
export class Deadline {
  readonly #onPassed: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(onPassed: () => void) {
    this.#onPassed = onPassed;
  }

  /** Instead of the one before. */
  arm(ms: number): void {
    this.disarm();
    this.#timer = setTimeout(this.#onPassed, Math.max(0, ms));
  }

  disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
