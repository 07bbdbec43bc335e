/**
 * The way out of a sandbox: one ordered stream in a shared ring that only the prelude can reach. The cell reads it while the
 * guest runs, so what was written before an endless loop is not lost with it. The head moves only after an entry is whole.
 */
import { type GuestError, type LoadReport, RING, type RingEvent } from '../protocol.ts';
import { charCodeAt, storeAtomic, stringify } from './primordials.guest.ts';

export interface Stream {
  set(key: string, json: string): void;
  remove(key: string): void;
  /** One key of the whole state. */
  tell(key: string, json: string): void;
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
    tell: (key, json) => write(`v${key.length}:${key}${json}`),
    event: (event) => write(`j${textOf(event)}`),
    endedWell: () => write('k'),
    open: (count) => void storeAtomic(header, RING.OPEN, count),
  };
}

/**
 * JSON of an event. SECURITY: written by hand, because `JSON.stringify` of an array or object calls a `toJSON` that user code may have
 * put on a prototype; with it a worker could say anything to the cell (test/security/corpus/pollute-to-json). For a
 * string it asks nobody.
 */
function textOf(event: RingEvent): string {
  switch (event[0]) {
    case 'l':
      return `["l","${event[1]}",${stringify(event[2])},${event[3] === null ? 'null' : stringify(event[3])},${event[4]}]`;
    case 'n':
    case 'f':
    case 'b':
      return `["${event[0]}",${event[1]}]`;
    case 't':
    case 'w':
    case 'p':
      return `["${event[0]}",${event[1]},${event[2]}]`;
    case 'q':
      return `["q",${event[1]},${stringify(event[2])},${stringify(event[3])}]`;
    case 'u':
      return `["u",[${listText(event[1], (pair) => `[${stringify(pair[0])},${stringify(pair[1])}]`)}]]`;
    case 'e':
      return event[1] === 'ok' ? `["e","ok",${reportText(event[2])}]` : `["e","error",${errorText(event[2])}]`;
  }
}

function listText<Item>(list: readonly Item[], show: (item: Item) => string): string {
  let text = '';
  for (let i = 0; i < list.length; i++) text += (i === 0 ? '' : ',') + show(list[i] as Item);
  return text;
}

function reportText({ functions, setupBindsGlobals, durationMs }: LoadReport): string {
  const names = listText(functions, (name) => stringify(`${name}`));
  return `{"functions":[${names}],"setupBindsGlobals":${setupBindsGlobals === true},"durationMs":${durationMs}}`;
}

function errorText({ name, message, stack }: GuestError): string {
  return `{"name":${stringify(name)},"message":${stringify(message)},"stack":${stringify(stack)}}`;
}
