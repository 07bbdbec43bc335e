/**
 * What one running guest uses of the processors. The `cpuTime` of an isolate is no measure: in isolated-vm's binary for Linux it is
 * read from a steady clock, and goes on while others have the processors. But a guest that runs never waits, and the system treats
 * the threads of one process alike; so what all guests of the cell use in a moment is shared evenly among those that run in
 * it. All of them then use the same, and one clock is enough: the difference of two readings is what a guest used that ran
 * from one to the other.
 */
export class CpuClock {
  readonly #guestsMs: () => number;
  #running = 0;
  #valueMs = 0;
  #at = performance.now();
  #usedMs: number;

  /** `guestsMs`: processor time of all guests together so far. Default: of this process, without its own thread. */
  constructor(guestsMs: () => number = guestsCpuMs) {
    this.#guestsMs = guestsMs;
    this.#usedMs = guestsMs();
  }

  enter(): number {
    const value = this.read();
    this.#running += 1;
    return value;
  }

  leave(): number {
    const value = this.read();
    this.#running -= 1;
    return value;
  }

  read(): number {
    const at = performance.now();
    const usedMs = this.#guestsMs();
    // A guest has one thread; what collectors and compilers do for it beside that is not its own.
    if (this.#running > 0)
      this.#valueMs += Math.max(0, Math.min(at - this.#at, (usedMs - this.#usedMs) / this.#running));
    this.#at = at;
    this.#usedMs = usedMs;
    return this.#valueMs;
  }
}

function guestsCpuMs(): number {
  const all = process.cpuUsage();
  const own = process.threadCpuUsage();
  return (all.user + all.system - own.user - own.system) / 1_000;
}
