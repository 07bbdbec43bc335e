/**
 * A checksum over a whole state that costs only what changes: the sum of one hash per key, so that a key's hash is added
 * when it is written and taken away when it goes, in whatever order. It finds damage and copies that went apart; it
 * is no defence against somebody who wants two states to look alike.
 */

/** One entry's part of the sum: two independent lanes of 32 bits. */
export interface EntryHash {
  readonly a: number;
  readonly b: number;
}

/** FNV-1a in one lane, a multiply and shift hash in the other; every step can be undone, so one changed character always shows. */
export function hashEntry(key: string, json: string): EntryHash {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b);
    b ^= b >>> 15;
  }
  // Where the key ends: no UTF-16 unit is this large.
  a = Math.imul(a ^ 0x1ffff, 0x01000193);
  b = Math.imul(b ^ 0x1ffff, 0x85ebca6b);
  for (let i = 0; i < json.length; i++) {
    const unit = json.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b);
    b ^= b >>> 15;
  }
  return { a: spread(a), b: spread(b) };
}

/** Murmur3's last step: sums of hashes of similar texts must not be similar. */
function spread(lane: number): number {
  let h = lane ^ (lane >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export class Checksum {
  #a = 0;
  #b = 0;

  add({ a, b }: EntryHash): void {
    this.#a = (this.#a + a) >>> 0;
    this.#b = (this.#b + b) >>> 0;
  }

  subtract({ a, b }: EntryHash): void {
    this.#a = (this.#a - a) >>> 0;
    this.#b = (this.#b - b) >>> 0;
  }

  /** 16 hexadecimal digits; zeros for no entry at all. */
  toString(): string {
    return this.#a.toString(16).padStart(8, '0') + this.#b.toString(16).padStart(8, '0');
  }
}

/** Of entries with distinct keys. */
export function checksumOf(entries: Iterable<readonly [key: string, json: string]>): string {
  const checksum = new Checksum();
  for (const [key, json] of entries) checksum.add(hashEntry(key, json));
  return checksum.toString();
}
