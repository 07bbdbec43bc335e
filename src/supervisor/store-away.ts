/** One line when the store goes away and one when it is back, however many workers wait for it. */
import type { LogLevel } from '../../sandbox/protocol.ts';
import type { Clock } from '../core/clock.ts';

export class StoreAway {
  readonly #clock: Clock;
  readonly #log: (level: LogLevel, message: string, fields: Record<string, unknown>) => void;
  readonly #waiting = new Set<string>();
  #since = 0;
  #most = 0;

  constructor(clock: Clock, log: (level: LogLevel, message: string, fields: Record<string, unknown>) => void) {
    this.#clock = clock;
    this.#log = log;
  }

  note(worker: string, away: boolean, reason: string): void {
    if (away) {
      if (this.#waiting.size === 0) {
        this.#since = this.#clock.monoMs();
        this.#most = 0;
        this.#log('error', `the store is away: ${reason}`, { worker });
      }
      this.#waiting.add(worker);
      this.#most = Math.max(this.#most, this.#waiting.size);
    } else if (this.#waiting.delete(worker) && this.#waiting.size === 0) {
      const seconds = Math.round((this.#clock.monoMs() - this.#since) / 100) / 10;
      const workers = this.#most === 1 ? '1 worker' : `${this.#most} workers`;
      this.#log('info', `the store is back; ${workers} waited for it, the first for ${seconds} s`, { seconds });
    }
  }

  /** It waits no longer. */
  forget(worker: string): void {
    this.#waiting.delete(worker);
  }
}
