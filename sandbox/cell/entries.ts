/**
 * From a guest's ring entries to what the node gets. Writes to the same key are merged until something must see them (a
 * call, a flush, the end, the whole state, a patch), so a loop that writes one key a million times costs the node one change.
 */
import type { GuestError, LoadReport, StreamEntry } from '../protocol.ts';
import { isEntry, isError, isReport } from '../protocol-check.ts';

/** Characters of one message to the node, about; far below what a frame may hold. */
export const STREAM_CHARS = 4 * 1024 * 1024;

/** Entries of one message, about: a frame has a bounded number of parts. */
const ENTRIES_MAX = 20_000;

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

  /** There is enough for a message. */
  get full(): boolean {
    return this.#out.length + this.#changes.size > ENTRIES_MAX;
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
      case 0x76: {
        const colon = entry.indexOf(':');
        const keyEnd = colon + 1 + Number(entry.slice(1, colon));
        this.#out.push(['v', entry.slice(colon + 1, keyEnd), entry.slice(keyEnd)]);
        return;
      }
      case 0x64:
        this.#change(entry.slice(1), null);
        return;
      case 0x6b:
        this.#onEnd({ report: null, error: null });
        return;
      case 0x6a:
        this.#event(JSON.parse(entry.slice(1)));
        return;
      default:
        throw damaged();
    }
  }

  /** The guest could not say its whole state, or not take all of a patch. */
  failed(entry: 'dump' | 'patch', id: number): void {
    this.#settleChanges();
    this.#out.push([entry === 'dump' ? 'w' : 'p', id, null]);
  }

  /** Everything so far, in order. */
  take(): readonly StreamEntry[] {
    this.#settleChanges();
    const out = this.#out;
    this.#out = [];
    this.#chars = 0;
    return out;
  }

  /** The same, in parts that are not too much for one message. */
  takeParts(): readonly (readonly StreamEntry[])[] {
    const small = this.#chars <= STREAM_CHARS;
    const entries = this.take();
    if (entries.length === 0) return [];
    return small ? [entries] : partsOf(entries);
  }

  /** SECURITY: what the prelude says is checked as if the guest had broken out; the node ends a cell that passes nonsense on. */
  #event(event: unknown): void {
    if (!Array.isArray(event)) throw damaged();
    switch (event[0]) {
      case 'u':
        for (const [key, json] of pairsOf(event[1])) this.#change(key, json);
        return;
      case 't':
        if (!Number.isSafeInteger(event[1]) || typeof event[2] !== 'number') throw damaged();
        return this.#onTimer(event[1] as number, event[2]);
      case 'e':
        if (event[1] === 'ok' && isReport(event[2])) return this.#onEnd({ report: event[2], error: null });
        if (event[1] === 'error' && isError(event[2])) return this.#onEnd({ report: null, error: event[2] });
        throw damaged();
    }
    if (!isEntry(event)) throw damaged();
    switch (event[0]) {
      case 's':
      case 'd':
      case 'v':
        throw damaged();
      case 'q':
      case 'f':
      case 'b':
      case 'p':
        // Whoever gets this must have seen what was written before it.
        this.#settleChanges();
        break;
      case 'l':
      case 'n':
      case 'w':
        break;
    }
    this.#out.push(event);
  }

  #change(key: string, json: string | null): void {
    this.#changes.set(key, json);
  }

  #settleChanges(): void {
    for (const [key, json] of this.#changes) this.#out.push(json === null ? ['d', key] : ['s', key, json]);
    this.#changes.clear();
  }
}

const damaged = (): Error => new Error('the ring of a guest is damaged');

function pairsOf(value: unknown): readonly (readonly [string, string])[] {
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'string';
  if (!Array.isArray(value) || !value.every(isPair)) throw damaged();
  return value;
}

/** In parts that fit into a message each. State that was written together is not torn apart. */
export function partsOf(entries: readonly StreamEntry[]): readonly (readonly StreamEntry[])[] {
  const isState = (entry: StreamEntry | undefined): boolean => entry?.[0] === 's' || entry?.[0] === 'd';
  const parts: StreamEntry[][] = [];
  let part: StreamEntry[] = [];
  let chars = 0;
  for (const entry of entries) {
    const size = entry.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 8), 0);
    const together = isState(entry) && isState(part.at(-1));
    if (chars + size > STREAM_CHARS && part.length > 0 && !together) {
      parts.push(part);
      part = [];
      chars = 0;
    }
    part.push(entry);
    chars += size;
  }
  parts.push(part);
  return parts;
}
