/**
 * Configured workers that this node could not deploy. The engine tells whoever deploys them and keeps nothing of it: of a worker that
 * was never stored it does not even know the name.
 */
import { parseWorkerId } from '../core/worker-id.ts';

export interface Refusal {
  readonly state: 'invalid' | 'stopped';
  readonly reason: string;
}

export class Refusals {
  readonly #all = new Map<string, Refusal>();

  get all(): ReadonlyMap<string, Refusal> {
    return this.#all;
  }

  note(worker: string, refusal: Refusal): void {
    this.#all.set(worker, refusal);
  }

  /** A person has said what its state is. That does not mend its code. */
  settle(name: string): void {
    const worker = parseWorkerId(name);
    if (this.#all.get(worker)?.state === 'stopped')
      this.note(worker, { state: 'stopped', reason: 'its state was settled, and it runs after the next start' });
  }
}
