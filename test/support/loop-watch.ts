/**
 * How long the event loop of this process was held up at a time, by the clock and by the work of its own thread. The clock alone also
 * counts what other processes took from it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const LOOK_MS = 10;

export class LoopWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: LOOK_MS });
  readonly #timer: NodeJS.Timeout;
  #before = threadCpuMs();
  #busiestMs = 0;

  constructor() {
    this.#delay.enable();
    this.#timer = setInterval(() => {
      const now = threadCpuMs();
      this.#busiestMs = Math.max(this.#busiestMs, now - this.#before);
      this.#before = now;
    }, LOOK_MS);
  }

  /** Longest work without a turn of the loop so far, ms of this thread's own time. */
  get busiestMs(): number {
    return this.#busiestMs;
  }

  /** Ends it. All in milliseconds; `busiest` is the longest work without a turn of the loop. */
  stop(): { readonly p99: number; readonly max: number; readonly busiest: number } {
    clearInterval(this.#timer);
    this.#delay.disable();
    return { p99: this.#delay.percentile(99) / 1e6, max: this.#delay.max / 1e6, busiest: this.#busiestMs };
  }
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
