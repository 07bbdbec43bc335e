/**
 * From a guest's ring entries to what the node gets. Writes to the same key are merged until something must see them (a
 * call, a flush, the end), so a loop that writes one key a million times costs the node one change.
 */
import type { GuestError, LoadReport, RingEvent, StreamEntry } from '../protocol.ts';

export interface RunEnd {
  readonly report: LoadReport | null;
  readonly error: GuestError | null;
}

export class EntryCollector {
  readonly #onTimer: (call: number, ms: number) => void;
  readonly #onEnd: (end: RunEnd) => void;
  readonly #changes = new Map<string, string | null>();
  #out: StreamEntry[] = [];
  #chars = 0;

  constructor(onTimer: (call: number, ms: number) => void, onEnd: (end: RunEnd) => void) {
    this.#onTimer = onTimer;
    this.#onEnd = onEnd;
  }

  /** UTF-16 units that {@link take} would return now, about. */
  get chars(): number {
    return this.#chars;
  }

  add(entry: string): void {
    this.#chars += entry.length;
    switch (entry.charCodeAt(0)) {
      case 0x73: {
        const colon = entry.indexOf(':');
        const keyEnd = colon + 1 + Number(entry.slice(1, colon));
        this.#change(entry.slice(colon + 1, keyEnd), entry.slice(keyEnd));
        return;
      }
      case 0x64:
        this.#change(entry.slice(1), null);
        return;
      case 0x6b:
        this.#onEnd({ report: null, error: null });
        return;
      case 0x6a:
        this.#event(JSON.parse(entry.slice(1)) as RingEvent);
        return;
      default:
        throw new Error('the ring of a guest is damaged');
    }
  }

  /** Everything so far, in order. */
  take(): readonly StreamEntry[] {
    this.#settleChanges();
    const out = this.#out;
    this.#out = [];
    this.#chars = 0;
    return out;
  }

  #event(event: RingEvent): void {
    switch (event[0]) {
      case 'u':
        for (const [key, json] of event[1]) this.#change(key, json);
        return;
      case 't':
        return this.#onTimer(event[1], event[2]);
      case 'e':
        return this.#onEnd(event[1] === 'ok' ? { report: event[2], error: null } : { report: null, error: event[2] });
      case 'l':
      case 'n':
        this.#out.push(event);
        return;
      case 'q':
      case 'f':
        this.#settleChanges();
        this.#out.push(event);
        return;
    }
  }

  #change(key: string, json: string | null): void {
    this.#changes.set(key, json);
  }

  #settleChanges(): void {
    for (const [key, json] of this.#changes) this.#out.push(json === null ? ['d', key] : ['s', key, json]);
    this.#changes.clear();
  }
}
