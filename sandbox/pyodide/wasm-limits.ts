/**
 * Writes memory limits into a WebAssembly module. SECURITY: the maximum in the module's own memory section is what V8
 * enforces, whatever code inside the sandbox does to the JavaScript around it; Python then gets a MemoryError.
 */

export const WASM_PAGE_BYTES = 65_536;

const HEADER_BYTES = 8;
const MEMORY_SECTION = 5;
const HAS_MAXIMUM = 1;

interface Section {
  readonly id: number;
  readonly from: number;
  readonly body: number;
  readonly to: number;
}

function readNumber(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
  throw new Error('The WebAssembly module is damaged.');
}

function writeNumber(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return bytes;
}

function findSection(bytes: Uint8Array, id: number): Section {
  let at = HEADER_BYTES;
  while (at < bytes.length) {
    const [size, body] = readNumber(bytes, at + 1);
    if (bytes[at] === id) return { id, from: at, body, to: body + size };
    at = body + size;
  }
  throw new Error(`The WebAssembly module has no section ${id}.`);
}

export interface MemoryLimits {
  readonly initialPages: number;
  readonly maximumPages: number;
}

/** The limits that the module's one memory declares. */
export function readMemoryLimits(bytes: Uint8Array): { initialPages: number; maximumPages: number | null } {
  const { body } = findSection(bytes, MEMORY_SECTION);
  const flags = bytes[body + 1];
  if (bytes[body] !== 1 || (flags !== 0 && flags !== HAS_MAXIMUM)) throw new Error('Expected one plain 32-bit memory.');
  const [initialPages, next] = readNumber(bytes, body + 2);
  return { initialPages, maximumPages: flags === HAS_MAXIMUM ? readNumber(bytes, next)[0] : null };
}

/** A copy of the module whose memory starts at `initialPages` (never below its own) and ends at `maximumPages`. */
export function withMemoryLimits(bytes: Uint8Array, limits: MemoryLimits): Uint8Array<ArrayBuffer> {
  const section = findSection(bytes, MEMORY_SECTION);
  const initial = Math.max(readMemoryLimits(bytes).initialPages, limits.initialPages);
  const body = [1, HAS_MAXIMUM, ...writeNumber(initial), ...writeNumber(Math.max(initial, limits.maximumPages))];
  const replacement = [MEMORY_SECTION, ...writeNumber(body.length), ...body];
  const result = new Uint8Array(bytes.length - (section.to - section.from) + replacement.length);
  result.set(bytes.subarray(0, section.from));
  result.set(replacement, section.from);
  result.set(bytes.subarray(section.to), section.from + replacement.length);
  return result;
}
