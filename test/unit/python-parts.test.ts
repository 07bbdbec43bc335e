import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chachaBlock, createEntropy, ENTROPY_SEED_BYTES } from '../../sandbox/guest/entropy.guest.ts';
import { packSnapshot, readSnapshot } from '../../sandbox/guest/snapshot.guest.ts';
import { readMemoryLimits, WASM_PAGE_BYTES, withMemoryLimits } from '../../sandbox/pyodide/wasm-limits.ts';

interface WasmMemory {
  grow(pages: number): number;
  readonly buffer: ArrayBuffer;
}
interface Wasm {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: { m: WasmMemory } };
}
const { WebAssembly } = globalThis as unknown as { WebAssembly: Wasm };

/** `(module (memory (export "m") 1 4096))`, a section before and one after the memory. */
const MODULE = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 4, 1, 0x60, 0, 0],
  ...[5, 5, 1, 1, 1, 0x80, 0x20],
  ...[7, 5, 1, 1, 0x6d, 2, 0],
);

describe('memory limits in a WebAssembly module', () => {
  it('reads what is declared', () => {
    expect(readMemoryLimits(MODULE)).toEqual({ initialPages: 1, maximumPages: 4_096 });
  });

  it('writes limits of any size that V8 then enforces', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(300), (initialPages, more) => {
        const maximumPages = initialPages + more;
        const bytes = withMemoryLimits(MODULE, { initialPages, maximumPages });
        expect(readMemoryLimits(bytes)).toEqual({ initialPages, maximumPages });
        const { m } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
        expect(m.buffer.byteLength).toBe(initialPages * WASM_PAGE_BYTES);
        expect(m.grow(more)).toBe(initialPages);
        expect(() => m.grow(1)).toThrow(RangeError);
      }),
      { numRuns: 50 },
    );
  });

  it('never starts below what the module itself declares', () => {
    expect(readMemoryLimits(withMemoryLimits(MODULE, { initialPages: 0, maximumPages: 0 }))).toEqual({
      initialPages: 1,
      maximumPages: 1,
    });
  });

  it('refuses what is not a module', () => {
    expect(() => readMemoryLimits(MODULE.subarray(0, 12))).toThrow('WebAssembly module');
  });
});

describe('entropy in a sandbox', () => {
  it('is ChaCha20 (RFC 8439, 2.3.2)', () => {
    const key = new Uint32Array(Uint8Array.from({ length: 32 }, (_, i) => i).buffer);
    const nonce = new Uint32Array(Uint8Array.of(0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0).buffer);
    expect(Buffer.from(chachaBlock(key, 1, nonce)).toString('hex')).toBe(
      '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e' +
        'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e',
    );
  });

  it('never repeats, and follows a number only while it is told to', () => {
    const draw = (entropy: ReturnType<typeof createEntropy>): string => {
      const bytes = new Uint8Array(100);
      entropy.fill(bytes);
      return Buffer.from(bytes).toString('hex');
    };
    const seed = new Uint8Array(ENTROPY_SEED_BYTES).fill(1);
    const one = createEntropy(seed);
    const other = createEntropy(seed);
    expect(draw(one)).toBe(draw(other));
    expect(draw(one)).not.toBe(draw(one));
    one.useSeed(5);
    const seeded = draw(one);
    expect(draw(one)).not.toBe(seeded);
    one.useSeed(5);
    expect(draw(one)).toBe(seeded);
    one.useSeed(null);
    other.useSeed(6);
    expect(draw(one)).not.toBe(draw(other));
  });
});

describe('a packed snapshot', () => {
  const PAGE = 4_096;

  /** As Pyodide makes it: a header whose second word is the heap's offset, then the heap. */
  function original(heap: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(64 + heap.length);
    new Uint32Array(bytes.buffer).set([0x706f6f00, 64, 1]);
    bytes.set(heap, 64);
    return bytes;
  }

  it('restores every byte over whatever a new instance holds, and skips empty pages', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), fc.nat(PAGE - 1), (full, at) => {
        const heap = new Uint8Array(full.length * PAGE);
        full.forEach((filled, page) => {
          if (filled) heap[page * PAGE + at] = page + 1;
        });
        const packed = packSnapshot(original(heap));
        expect(packed.length).toBeLessThan(400 + full.filter(Boolean).length * PAGE);
        const restored = new Uint8Array(heap.length).fill(7, 0, 3 * PAGE);
        const snapshot = readSnapshot(packed);
        snapshot.restore(restored);
        expect(Buffer.compare(restored, heap)).toBe(0);
        expect([snapshot.heapBytes, snapshot.head.length]).toEqual([heap.length, 64]);
      }),
    );
  });

  it('refuses one that was cut', () => {
    const packed = packSnapshot(original(new Uint8Array(2 * PAGE).fill(1)));
    expect(() => readSnapshot(packed.subarray(0, packed.length - 1))).toThrow('damaged');
  });
});
