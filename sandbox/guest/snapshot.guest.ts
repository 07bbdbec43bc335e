/**
 * The memory snapshot of a Python interpreter, without its empty pages. Layout, little-endian 32-bit words: magic, bytes of
 * Pyodide's head, bytes of the heap, number of pages; the head; the numbers of the stored pages; the pages.
 */

const MAGIC = 0x59505254;
const HEADER_BYTES = 16;
const PAGE = 4_096;
/** Word of Pyodide's own snapshot that holds the offset of its heap. */
const HEAP_OFFSET_WORD = 1;

export interface Snapshot {
  /** What Pyodide's loader gets: its own header and references, with an empty heap. */
  readonly head: Uint8Array;
  readonly heapBytes: number;
  /** Fills the linear memory of a new instance. */
  restore(heap: Uint8Array): void;
}

/** Turns what Pyodide makes into our layout. */
export function packSnapshot(original: Uint8Array): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(original.buffer, original.byteOffset, 4);
  const headBytes = words[HEAP_OFFSET_WORD] as number;
  const heap = original.slice(headBytes);
  const heapWords = new BigUint64Array(heap.buffer);
  const kept: number[] = [];
  for (let page = 0; page * PAGE < heap.length; page++) {
    const from = (page * PAGE) / 8;
    const to = Math.min(heapWords.length, from + PAGE / 8);
    for (let i = from; i < to; i++)
      if (heapWords[i] !== 0n) {
        kept.push(page);
        break;
      }
  }
  const pagesAt = HEADER_BYTES + headBytes + kept.length * 4;
  const result = new Uint8Array(pagesAt + kept.length * PAGE);
  new Uint32Array(result.buffer, 0, 4).set([MAGIC, headBytes, heap.length, kept.length]);
  result.set(original.subarray(0, headBytes), HEADER_BYTES);
  new Uint32Array(result.buffer, HEADER_BYTES + headBytes, kept.length).set(kept);
  kept.forEach((page, index) => {
    result.set(heap.subarray(page * PAGE, (page + 1) * PAGE), pagesAt + index * PAGE);
  });
  return result;
}

/** `bytes` may be shared memory; nothing of it is kept after `restore`. Throws when it is not a whole snapshot. */
export function readSnapshot(bytes: Uint8Array): Snapshot {
  const [magic, headBytes = 0, heapBytes = 0, count = 0] = new Uint32Array(bytes.buffer, bytes.byteOffset, 4);
  const pagesAt = HEADER_BYTES + headBytes + count * 4;
  if (magic !== MAGIC || bytes.length !== pagesAt + count * PAGE)
    throw new Error('The Python snapshot is damaged; delete it, and it is made again.');
  const pages = new Uint32Array(bytes.buffer, bytes.byteOffset + HEADER_BYTES + headBytes, count);
  return {
    head: new Uint8Array(bytes.subarray(HEADER_BYTES, HEADER_BYTES + headBytes)),
    heapBytes,
    restore(heap) {
      let next = 0;
      for (let index = 0; index < count; ) {
        const first = pages[index] as number;
        let run = 1;
        while (index + run < count && pages[index + run] === first + run) run++;
        clear(heap, next * PAGE, first * PAGE);
        heap.set(bytes.subarray(pagesAt + index * PAGE, pagesAt + (index + run) * PAGE), first * PAGE);
        next = first + run;
        index += run;
      }
      clear(heap, next * PAGE, heapBytes);
    },
  };
}

/** Zeroes what the module's own data left there, without touching pages that are empty already. */
function clear(heap: Uint8Array, from: number, to: number): void {
  if (from >= to) return;
  const words = new BigUint64Array(heap.buffer, from, (to - from) / 8);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0n) words[i] = 0n;
}
