/** The cell's end of a guest's ring (sandbox/guest/stream.guest.ts writes it). Reading is safe while the guest runs. */
import { RING } from '../protocol.ts';

export class RingReader {
  readonly buffer: SharedArrayBuffer;
  readonly #header: Int32Array;
  readonly #units: Uint16Array;
  readonly #bytes: Buffer;
  #read = 0;

  constructor() {
    this.buffer = new SharedArrayBuffer(RING.BYTES);
    this.#header = new Int32Array(this.buffer, 0, RING.DATA / 4);
    this.#units = new Uint16Array(this.buffer, RING.DATA);
    this.#bytes = Buffer.from(this.buffer, RING.DATA);
  }

  /** Calls that hold the run open. */
  get openCalls(): number {
    return Atomics.load(this.#header, RING.OPEN);
  }

  /** Every entry that is whole and was not read before. Throws when the ring does not make sense (a broken-out guest). */
  read(take: (entry: string) => void): void {
    const head = Atomics.load(this.#header, RING.HEAD);
    if (head < this.#read || head > this.#units.length) throw new Error('the ring of a guest is damaged');
    while (this.#read < head) {
      const length = (this.#units[this.#read] as number) | ((this.#units[this.#read + 1] as number) << 16);
      const from = this.#read + 2;
      const to = from + length;
      if (length < 0 || to > head) throw new Error('the ring of a guest is damaged');
      this.#read = to;
      take(this.#bytes.toString('utf16le', from * 2, to * 2));
    }
  }

  /** Only while the guest stands still. */
  rewind(): void {
    this.#read = 0;
    Atomics.store(this.#header, RING.HEAD, 0);
  }
}
