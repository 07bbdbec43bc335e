/**
 * How many guests run at once in a cell. A slot covers running code only, and there are three lanes for it, by how long a slice
 * runs: most are over within 50 ms; slow ones have 1 s; and there are loops that never end by themselves. A slice that outlasts
 * its lane cannot be held back any more, so it gives its place there to the next and counts in the lane behind, even
 * where that is full; a worker begins in the lane in which its last slice ended. So a handful of loops holds up neither the
 * quick nor the slow. Pure bookkeeping: the cell does the entering.
 */
export const SLOW_AFTER_MS = 50;
const ENDLESS_AFTER_MS = 1_000;
const PLACES_SLOW = 2;
const PLACES_ENDLESS = 2;

interface Lane<Guest> {
  /** A slice that has run for this long belongs to the next one. */
  readonly untilMs: number;
  places: number;
  used: number;
  readonly waiting: Guest[];
}

export class Slots<Guest extends object> {
  readonly #lanes: readonly [Lane<Guest>, Lane<Guest>, Lane<Guest>];
  readonly #running = new Map<Guest, number>();
  /** Where the next slice begins; not named: in the first lane. */
  readonly #next = new WeakMap<Guest, number>();

  constructor(places: number) {
    this.#lanes = [
      lane(SLOW_AFTER_MS, places),
      lane(ENDLESS_AFTER_MS, PLACES_SLOW),
      lane(Number.POSITIVE_INFINITY, PLACES_ENDLESS),
    ];
  }

  /** Places in the first lane; at least one. */
  resize(places: number): void {
    this.#lanes[0].places = Math.max(1, places);
  }

  /** A guest that wants to run. The caller asks once per slice. */
  enqueue(guest: Guest): void {
    this.#laneAt(this.#next.get(guest) ?? 0).waiting.push(guest);
  }

  /** The next guest that may run now, which then holds a slot; undefined if none. */
  next(): Guest | undefined {
    for (let index = 0; index < this.#lanes.length; index++) {
      const lane = this.#laneAt(index);
      if (lane.used >= lane.places) continue;
      const guest = lane.waiting.shift();
      if (guest === undefined) continue;
      lane.used += 1;
      this.#running.set(guest, index);
      return guest;
    }
    return undefined;
  }

  /** The slice has run for so long by now. */
  outlasts(guest: Guest, ms: number): void {
    const from = this.#running.get(guest);
    const to = this.#laneFor(ms);
    if (from === undefined || to <= from) return;
    this.#laneAt(from).used -= 1;
    this.#laneAt(to).used += 1;
    this.#running.set(guest, to);
  }

  /** The slice is over, after so long. */
  release(guest: Guest, ms: number): void {
    const from = this.#running.get(guest);
    if (from === undefined) return;
    this.#running.delete(guest);
    this.#laneAt(from).used -= 1;
    const to = this.#laneFor(ms);
    if (to === 0) this.#next.delete(guest);
    else this.#next.set(guest, to);
  }

  #laneFor(ms: number): number {
    return this.#lanes.findIndex(({ untilMs }) => ms < untilMs);
  }

  #laneAt(index: number): Lane<Guest> {
    return this.#lanes[index] as Lane<Guest>;
  }
}

function lane<Guest>(untilMs: number, places: number): Lane<Guest> {
  return { untilMs, places, used: 0, waiting: [] };
}
