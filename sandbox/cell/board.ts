/**
 * Who is inside, where a dead cell leaves it: a small file that the node made and reads once the cell is gone or hangs. It is written
 * before a guest is entered, so whoever brings the process down is on it. That frees the pipe from saying so: what goes over it
 * may wait a little and travel together. Nobody is woken by a write, and what fits into a page (170 names) no signal tears.
 */
import { writeSync } from 'node:fs';
import { type Address, BOARD } from '../protocol.ts';

export class Board {
  readonly #fd: number;
  readonly #words = new Float64Array(BOARD.WORDS);
  readonly #bytes = new Uint8Array(this.#words.buffer);

  constructor(fd: number) {
    this.#fd = fd;
    this.#words[BOARD.VERSION] = BOARD.WRITTEN;
  }

  /** Replaces what is on it. Where not all fit it is full, and the node does not go by it. */
  write(inside: Iterable<{ readonly address: Address; readonly busyMs: number }>): void {
    let at: number = BOARD.FIRST;
    for (const { address, busyMs } of inside) {
      if (at + BOARD.WORDS_EACH > BOARD.WORDS) break;
      this.#words[at++] = address.sandbox;
      this.#words[at++] = address.incarnation;
      this.#words[at++] = busyMs;
    }
    this.#words[BOARD.COUNT] = (at - BOARD.FIRST) / BOARD.WORDS_EACH;
    writeSync(this.#fd, this.#bytes, 0, at * Float64Array.BYTES_PER_ELEMENT, 0);
  }
}
