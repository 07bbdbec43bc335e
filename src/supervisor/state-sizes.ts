/** How large a worker's state is, key by key, that it stays within its limits, and its checksum. */
import { Checksum, type EntryHash, hashEntry } from '../core/checksum.ts';
import { RuntimeError } from '../core/errors.ts';
import type { StateLimits } from '../core/limits.ts';
import type { StateEdit } from './state-edit.ts';

interface Entry extends EntryHash {
  readonly bytes: number;
}

export class StateSizes {
  readonly #limits: StateLimits;
  readonly #entries = new Map<string, Entry>();
  readonly #checksum = new Checksum();
  #bytes = 0;

  constructor(limits: StateLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get keys(): number {
    return this.#entries.size;
  }

  names(): Iterable<string> {
    return this.#entries.keys();
  }

  /** What it would come to. */
  after({ replace, changes }: StateEdit): { readonly bytes: number; readonly keys: number } {
    let bytes = replace ? 0 : this.#bytes;
    let keys = replace ? 0 : this.#entries.size;
    for (const [key, json] of changes) {
      const before = replace ? undefined : this.#entries.get(key);
      if (before !== undefined) bytes -= before.bytes;
      if (json !== null) bytes += Buffer.byteLength(key) + Buffer.byteLength(json);
      keys += Number(json !== null) - Number(before !== undefined);
    }
    return { bytes, keys };
  }

  /** Of everything taken so far. */
  get checksum(): string {
    return this.#checksum.toString();
  }

  /** Takes a key that is stored: whatever it is, it is not the cell's doing. */
  add(key: string, json: string | null): void {
    const before = this.#entries.get(key);
    if (before !== undefined) {
      this.#bytes -= before.bytes;
      this.#checksum.subtract(before);
    }
    if (json === null) {
      this.#entries.delete(key);
      return;
    }
    const { a, b } = hashEntry(key, json);
    const entry = { a, b, bytes: Buffer.byteLength(key) + Buffer.byteLength(json) };
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    this.#checksum.add(entry);
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
    if (this.#bytes > totalBytesMax || this.#entries.size > keysMax)
      throw new RuntimeError('CELL_PROTOCOL', 'a state is over its limit');
  }
}
