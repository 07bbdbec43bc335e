/**
 * The way out of a sandbox: one ordered stream in a shared ring that only the prelude can reach. The cell reads it while the
 * guest runs, so what was written before an endless loop is not lost with it. The head moves only after an entry is whole.
 */
import { RING, type RingEvent } from '../protocol.ts';
import { charCodeAt, storeAtomic, stringify } from './primordials.guest.ts';

export interface Stream {
  set(key: string, json: string): void;
  remove(key: string): void;
  event(event: RingEvent): void;
  endedWell(): void;
  /** Tells the cell how many calls hold the run open. */
  open(count: number): void;
}

/**
 * `spill` runs in the cell while the guest waits: it reads the ring empty, takes `text` (an entry that did not fit, or null)
 * behind it, and sets the head to 0.
 */
export function createStream(ring: SharedArrayBuffer, spill: (text: string | null) => void): Stream {
  const header = new Int32Array(ring, 0, RING.DATA / 4);
  const units = new Uint16Array(ring, RING.DATA);
  const capacity = units.length;

  function write(text: string): void {
    const length = text.length;
    if (length + 2 > capacity) return spill(text);
    let at = header[RING.HEAD] as number;
    if (at + length + 2 > capacity) {
      spill(null);
      at = 0;
    }
    units[at++] = length & 0xffff;
    units[at++] = length >>> 16;
    for (let i = 0; i < length; i++) units[at++] = charCodeAt(text, i);
    storeAtomic(header, RING.HEAD, at);
  }

  return {
    set: (key, json) => write(`s${key.length}:${key}${json}`),
    remove: (key) => write(`d${key}`),
    event: (event) => write(`j${stringify(event)}`),
    endedWell: () => write('k'),
    open: (count) => void storeAtomic(header, RING.OPEN, count),
  };
}
