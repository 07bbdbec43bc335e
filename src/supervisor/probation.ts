/** A worker that may have taken a cell down runs in a cell of its own until it has behaved for a while. */
import type { Clock } from '../core/clock.ts';
import type { CellLoss, CellPurpose } from './cell-pool.ts';

const PROBATION_MS = 60_000;

export class Probation {
  readonly #clock: Clock;
  #since: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  judge(loss: CellLoss): void {
    if (loss.suspect) this.#since = this.#clock.monoMs();
  }

  /** Where its next sandbox belongs. */
  purpose(isolation: 'shared' | 'dedicated'): CellPurpose {
    return this.#since === null ? isolation : 'probation';
  }

  /** True once: it has behaved long enough and may go back among the others. */
  endIfOver(): boolean {
    if (this.#since === null || this.#clock.monoMs() - this.#since < PROBATION_MS) return false;
    this.#since = null;
    return true;
  }
}
