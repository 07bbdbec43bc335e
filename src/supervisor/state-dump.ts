/**
 * The whole state of a live sandbox on its way into the ledger. The guest says it in one piece, in the order of its stream, so
 * what was written before is in it and what comes behind it is newer: nothing has to be compared.
 */
import { RuntimeError } from '../core/errors.ts';
import type { StateLimits } from '../core/limits.ts';
import { StateSizes } from './state-sizes.ts';

export class StateDump {
  readonly id: number;
  readonly entries = new Map<string, string>();
  readonly sizes: StateSizes;
  #phase: 'asked' | 'open' | 'whole' = 'asked';

  constructor(id: number, limits: StateLimits) {
    this.id = id;
    this.sizes = new StateSizes(limits);
  }

  /** It has begun and is not whole yet. */
  get open(): boolean {
    return this.#phase === 'open';
  }

  get whole(): boolean {
    return this.#phase === 'whole';
  }

  /** @throws RuntimeError CELL_PROTOCOL, like the others: only a broken cell says what nobody asked for. */
  begin(id: number): void {
    if (id !== this.id || this.#phase !== 'asked') throw unasked();
    this.#phase = 'open';
  }

  take(key: string, json: string): void {
    if (!this.open) throw unasked();
    this.sizes.write(key, json);
    this.entries.set(key, json);
  }

  /** False where the guest could not say all of it, and `keys` is null. */
  end(id: number, keys: number | null): boolean {
    if (id !== this.id || this.whole) throw unasked();
    if (keys === null) return false;
    if (!this.open || keys !== this.entries.size) throw unasked();
    this.#phase = 'whole';
    return true;
  }
}

export function unasked(): RuntimeError {
  return new RuntimeError('CELL_PROTOCOL', 'a cell told a state that nobody asked for, or not all of it');
}
