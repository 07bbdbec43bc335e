/**
 * Did the kernel kill for memory just now? It tells nobody which process it was, and the signal is the one that anybody may send; but it
 * counts. The count is the whole machine's, so it is a hint, never a proof. Systems without it never give one.
 */
import { readFileSync } from 'node:fs';

const FILE = '/proc/vmstat';

export class OomWatch {
  readonly #read: () => number | null;
  #older: number | null;
  #newer: number | null;

  constructor(read: () => number | null = readOomKills) {
    this.#read = read;
    this.#older = this.#newer = read();
  }

  /** To be called about once a second. */
  look(): void {
    this.#older = this.#newer;
    this.#newer = this.#read();
  }

  /** It killed something within the last second or two. */
  rose(): boolean {
    const now = this.#read();
    return now !== null && this.#older !== null && now > this.#older;
  }
}

/** Processes that the kernel has killed for memory since it booted; null where it does not say. */
export function readOomKills(): number | null {
  try {
    const count = /^oom_kill (\d+)$/m.exec(readFileSync(FILE, 'latin1'))?.[1];
    return count === undefined ? null : Number(count);
  } catch {
    return null;
  }
}
