/** How large a worker's state is, key by key, and that it stays within its limits. */
import { RuntimeError } from '../core/errors.ts';
import type { StateLimits } from '../core/limits.ts';

export class StateSizes {
  readonly #limits: StateLimits;
  readonly #sizes = new Map<string, number>();
  #bytes = 0;

  constructor(limits: StateLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get keys(): number {
    return this.#sizes.size;
  }

  /** Takes a key that is stored: whatever it is, it is not the cell's doing. */
  add(key: string, json: string | null): void {
    this.#bytes -= this.#sizes.get(key) ?? 0;
    if (json === null) this.#sizes.delete(key);
    else {
      const bytes = Buffer.byteLength(key) + Buffer.byteLength(json);
      this.#sizes.set(key, bytes);
      this.#bytes += bytes;
    }
  }

  /** Takes what a cell says. @throws RuntimeError CELL_PROTOCOL when it lets a guest break the limits that it should have enforced. */
  write(key: string, json: string | null): void {
    const { keyBytesMax, valueBytesMax, totalBytesMax, keysMax } = this.#limits;
    if (key.length > keyBytesMax || (json !== null && json.length > valueBytesMax))
      throw new RuntimeError('CELL_PROTOCOL', 'a state entry is over its limit');
    // No store takes half a surrogate pair: the commit would be tried again for ever.
    if (!key.isWellFormed() || json?.isWellFormed() === false)
      throw new RuntimeError('CELL_PROTOCOL', 'a state entry is not well-formed Unicode');
    this.add(key, json);
    if (this.#bytes > totalBytesMax || this.#sizes.size > keysMax)
      throw new RuntimeError('CELL_PROTOCOL', 'a state is over its limit');
  }
}
