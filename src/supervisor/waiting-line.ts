/** Who waits, by the time at which it was due. Most come in that order, so a sorted list with a moving head is all it takes. */
interface Waiter {
  readonly dueMono: number;
}

/** Gone ones at the head of the list, before it is made shorter. */
const GONE_MAX = 1_000;

export class WaitingLine<Item extends Waiter> {
  readonly #waits: (item: Item) => boolean;
  #items: Item[] = [];
  #head = 0;

  /** `waits`: false for one that has left by itself. */
  constructor(waits: (item: Item) => boolean) {
    this.#waits = waits;
  }

  /** At most this many wait. */
  get size(): number {
    void this.first;
    return this.#items.length - this.#head;
  }

  /** Due longest. */
  get first(): Item | undefined {
    while (this.#head < this.#items.length && !this.#waits(this.#items[this.#head] as Item)) this.#head += 1;
    if (this.#head === this.#items.length && this.#head > 0) this.#cut();
    return this.#items[this.#head];
  }

  add(item: Item): void {
    let at = this.#items.length;
    while (at > this.#head && (this.#items[at - 1] as Item).dueMono > item.dueMono) at -= 1;
    if (at === this.#items.length) this.#items.push(item);
    else this.#items.splice(at, 0, item);
  }

  shift(): void {
    this.#head += 1;
    if (this.#head > GONE_MAX) this.#cut();
  }

  #cut(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
