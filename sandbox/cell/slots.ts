/**
 * How many guests run at once in a cell. A slot covers running code only. A slice that runs longer than 50 ms gives its
 * slot back and moves to the slow lane, so that a handful of busy workers cannot hold up the quick ones; a worker that
 * was slow last time starts there. A slice that runs cannot be held back any more, so it leaves the quick ones their slots even
 * where the slow lane is full: a few endless loops would otherwise stop all others until their time is over. Pure
 * bookkeeping: the cell does the entering.
 */
export const SLOW_AFTER_MS = 50;
const SLOW_LANE = 2;

export class Slots<Guest extends object> {
  #fast: number;
  readonly #running = new Map<Guest, 'fast' | 'slow'>();
  readonly #slowNext = new WeakSet<Guest>();
  readonly #quick: Guest[] = [];
  readonly #heavy: Guest[] = [];
  #fastUsed = 0;
  #slowUsed = 0;

  constructor(fast: number) {
    this.#fast = fast;
  }

  resize(fast: number): void {
    this.#fast = Math.max(1, fast);
  }

  /** A guest that wants to run. The caller asks once per slice. */
  enqueue(guest: Guest): void {
    (this.#slowNext.has(guest) ? this.#heavy : this.#quick).push(guest);
  }

  /** The next guest that may run now, which then holds a slot; undefined if none. */
  next(): Guest | undefined {
    if (this.#fastUsed < this.#fast) {
      const guest = this.#quick.shift();
      if (guest !== undefined) {
        this.#fastUsed += 1;
        this.#running.set(guest, 'fast');
        return guest;
      }
    }
    if (this.#slowUsed < SLOW_LANE) {
      const guest = this.#heavy.shift();
      if (guest !== undefined) {
        this.#slowUsed += 1;
        this.#running.set(guest, 'slow');
        return guest;
      }
    }
    return undefined;
  }

  /** The slice has run for {@link SLOW_AFTER_MS}. */
  tooSlow(guest: Guest): void {
    this.#slowNext.add(guest);
    if (this.#running.get(guest) !== 'fast') return;
    this.#fastUsed -= 1;
    this.#slowUsed += 1;
    this.#running.set(guest, 'slow');
  }

  release(guest: Guest, wasQuick: boolean): void {
    const lane = this.#running.get(guest);
    if (lane === undefined) return;
    this.#running.delete(guest);
    if (lane === 'fast') this.#fastUsed -= 1;
    else this.#slowUsed -= 1;
    if (wasQuick) this.#slowNext.delete(guest);
  }
}
