/** The one thing a life waits on: a moment on the scheduler, or somebody who wakes it before. */
import type { Clock } from '../core/clock.ts';
import type { Armed, Scheduler } from './scheduler.ts';

/** `order`: somebody wants something that is done between two runs. */
export type Wake = 'due' | 'changed' | 'order' | 'lost' | 'end';

export class Alarm {
  readonly #scheduler: Scheduler;
  readonly #clock: Clock;
  #resolve: ((why: Wake) => void) | null = null;
  #armed: Armed | null = null;
  #dueMono: number | null = null;

  constructor(scheduler: Scheduler, clock: Clock) {
    this.#scheduler = scheduler;
    this.#clock = clock;
  }

  /** For how long somebody has waited beyond the moment that was asked for, ms. More than a little: the scheduler lost it. */
  get overdueMs(): number {
    return this.#dueMono === null ? 0 : Math.max(0, this.#clock.monoMs() - this.#dueMono);
  }

  /** Resolves with `due` at the given monotonic time, or earlier with the reason of {@link wake}. */
  until(dueMono: number): Promise<Wake> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#dueMono = dueMono;
      this.#armed = this.#scheduler.arm(dueMono, this.#onDue);
    });
  }

  /** Ends the wait, if there is one. */
  wake(why: Wake): void {
    const resolve = this.#resolve;
    if (resolve === null) return;
    if (this.#armed !== null) this.#scheduler.disarm(this.#armed);
    this.#resolve = null;
    this.#dueMono = null;
    this.#armed = null;
    resolve(why);
  }

  readonly #onDue = (): void => this.wake('due');
}
