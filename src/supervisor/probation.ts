/**
 * A worker that may have taken a cell down runs in a cell of its own until it has behaved for a while. One that surely did waits
 * before it gets the next, each time longer.
 */
import type { Clock } from '../core/clock.ts';
import type { CellLoss } from './cell-loss.ts';
import type { PlaceRequest } from './cell-pool.ts';
import type { CellPurpose } from './cell-seats.ts';
import { fallPauseMs } from './pauses.ts';

const PROBATION_MS = 60_000;

export class Probation {
  readonly #clock: Clock;
  #since: number | null = null;
  #killed = false;
  /** Cells that it took down since it last behaved, and when the last one went. */
  #falls = 0;
  #fellAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  judge(loss: CellLoss): void {
    if (!loss.suspect) return;
    this.#since = this.#clock.monoMs();
    if (loss.culprit) {
      this.#falls += 1;
      this.#fellAt = this.#since;
    }
    this.#killed ||= loss.killed;
  }

  /** How long it has to wait for its next sandbox, ms. */
  get pauseMs(): number {
    return this.#falls === 0 ? 0 : Math.max(0, this.#fellAt + fallPauseMs(this.#falls) - this.#clock.monoMs());
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
    this.#falls = 0;
    return true;
  }
}
