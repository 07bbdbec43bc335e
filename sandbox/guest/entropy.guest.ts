/**
 * Random bytes inside a sandbox: ChaCha20 keyed once by the cell's operating system, with the key replaced by output after
 * every use, so that a later leak tells nothing of what was drawn before. Asking the cell for each draw would let a loop
 * over `os.urandom` flood it. A run with a supplied seed draws from that instead.
 */

/** Bytes of key and nonce that {@link createEntropy} needs. */
export const ENTROPY_SEED_BYTES = 44;

const BLOCK = 64;

export interface Entropy {
  fill(target: Uint8Array): void;
  /** A number: every draw follows it from here on. Null: real randomness again. */
  useSeed(seed: number | null): void;
}

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

function quarter(s: Uint32Array, a: number, b: number, c: number, d: number): void {
  const add = (x: number, y: number): void => {
    s[x] = (s[x] as number) + (s[y] as number);
  };
  const mix = (x: number, y: number, by: number): void => {
    s[x] = rotate((s[x] as number) ^ (s[y] as number), by);
  };
  add(a, b);
  mix(d, a, 16);
  add(c, d);
  mix(b, c, 12);
  add(a, b);
  mix(d, a, 8);
  add(c, d);
  mix(b, c, 7);
}

/** RFC 8439, section 2.3. */
export function chachaBlock(key: Uint32Array, counter: number, nonce: Uint32Array): Uint8Array {
  const start = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, ...key, counter, ...nonce);
  const s = start.slice();
  for (let round = 0; round < 10; round++) {
    quarter(s, 0, 4, 8, 12);
    quarter(s, 1, 5, 9, 13);
    quarter(s, 2, 6, 10, 14);
    quarter(s, 3, 7, 11, 15);
    quarter(s, 0, 5, 10, 15);
    quarter(s, 1, 6, 11, 12);
    quarter(s, 2, 7, 8, 13);
    quarter(s, 3, 4, 9, 14);
  }
  for (let i = 0; i < 16; i++) s[i] = (s[i] as number) + (start[i] as number);
  return new Uint8Array(s.buffer);
}

function createStream(seed: Uint8Array): (target: Uint8Array) => void {
  const words = new Uint32Array(seed.slice().buffer);
  const key = words.slice(0, 8);
  const nonce = words.slice(8, 11);
  return (target) => {
    let counter = 1;
    for (let at = 0; at < target.length; at += BLOCK) {
      const block = chachaBlock(key, counter++, nonce);
      target.set(block.subarray(0, Math.min(BLOCK, target.length - at)), at);
    }
    key.set(new Uint32Array(chachaBlock(key, 0, nonce).buffer, 0, 8));
  };
}

export function createEntropy(seed: Uint8Array): Entropy {
  const real = createStream(seed);
  let fill = real;
  return {
    fill: (target) => fill(target),
    useSeed(number) {
      if (number === null) {
        fill = real;
        return;
      }
      const bytes = new Uint8Array(ENTROPY_SEED_BYTES);
      new DataView(bytes.buffer).setFloat64(0, number, true);
      fill = createStream(bytes);
    },
  };
}
