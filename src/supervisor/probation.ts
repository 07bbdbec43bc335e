/** A worker that may have taken a cell down runs in a cell of its own until it has behaved for a while. */
import type { Clock } from '../core/clock.ts';
import type { CellLoss } from './cell-loss.ts';
import type { PlaceRequest } from './cell-pool.ts';
import type { CellPurpose } from './cell-seats.ts';

const PROBATION_MS = 60_000;

export class Probation {
  readonly #clock: Clock;
  #since: number | null = null;
  #killed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  judge(loss: CellLoss): void {
    if (!loss.suspect) return;
    this.#since = this.#clock.monoMs();
    this.#killed ||= loss.killed;
  }

  /** Where its next sandbox belongs. */
  place(isolation: 'shared' | 'dedicated'): Pick<PlaceRequest, 'purpose' | 'killedBefore'> {
    const purpose: CellPurpose = this.#since === null ? isolation : 'probation';
    return { purpose, killedBefore: this.#killed };
  }

  /** True once: it has behaved long enough and may go back among the others. */
  endIfOver(): boolean {
    if (this.#since === null || this.#clock.monoMs() - this.#since < PROBATION_MS) return false;
    this.#since = null;
    this.#killed = false;
    return true;
  }
}
