/** Workers that start together would tick together for ever: their grids are spread over their interval. */
import type { Clock } from '../core/clock.ts';
import type { Schedule } from '../workers/definition.ts';
import { phaseOf } from './schedule.ts';

/** So many starts within a second count as "together"; a handful keeps the grid that people expect (start, start + interval, …). */
const TOGETHER = 20;

export class SpreadPolicy {
  readonly #enabled: boolean;
  readonly #clock: Clock;
  #windowFrom = Number.NEGATIVE_INFINITY;
  #starts = 0;

  constructor(enabled: boolean, clock: Clock) {
    this.#enabled = enabled;
    this.#clock = clock;
  }

  /** Where in its interval a worker that starts now has its grid, ms. */
  phase(worker: string, schedule: Schedule): number {
    if (!this.#enabled || schedule.kind !== 'interval') return 0;
    const now = this.#clock.monoMs();
    if (now - this.#windowFrom > 1_000) {
      this.#windowFrom = now;
      this.#starts = 0;
    }
    this.#starts += 1;
    return this.#starts > TOGETHER ? phaseOf(worker, schedule.intervalMs) : 0;
  }
}
