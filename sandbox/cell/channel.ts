/**
 * Frames on a pipe: a 4-byte big-endian length and a UTF-8 JSON array of messages. The length is checked before anything is
 * buffered. Used by both sides: a cell writes with a blocking call, the node through its stream.
 */
import { FRAME_BYTES_MAX } from '../protocol.ts';

const HEADER_BYTES = 4;

export function encodeFrame(messages: readonly unknown[]): Buffer {
  return frameOf(JSON.stringify(messages));
}

/** Characters in one frame, about; a single message may be larger. */
const FRAME_CHARS = 8 * 1024 * 1024;

/** Messages and entries of theirs in one frame: some tenth of {@link PARTS_MAX}. */
const FRAME_ITEMS = 5_000;

/** As few frames as the limits allow. */
export function encodeFrames(messages: readonly object[]): readonly Buffer[] {
  const frames: Buffer[] = [];
  let texts: string[] = [];
  let chars = 0;
  let items = 0;
  for (const message of messages) {
    const text = JSON.stringify(message);
    const { entries } = message as { readonly entries?: readonly unknown[] };
    const more = 5 + (entries?.length ?? 0);
    if (texts.length > 0 && (chars + text.length > FRAME_CHARS || items + more > FRAME_ITEMS)) {
      frames.push(frameOf(`[${texts.join(',')}]`));
      texts = [];
      chars = 0;
      items = 0;
    }
    texts.push(text);
    chars += text.length;
    items += more;
  }
  frames.push(frameOf(`[${texts.join(',')}]`));
  return frames;
}

/** `json` is the text of an array of messages. */
export function frameOf(json: string): Buffer {
  const length = Buffer.byteLength(json);
  if (length > FRAME_BYTES_MAX) throw new Error(`a frame of ${length} bytes is over the limit of ${FRAME_BYTES_MAX}`);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32BE(length, 0);
  frame.write(json, HEADER_BYTES, 'utf8');
  return frame;
}

/**
 * Parts of JSON in one frame of a cell: strings, brackets, commas, and names at ten times their number. SECURITY: 64 MiB of `[],` would
 * hold up whoever parses them for 15 s and take 1.5 GiB; so many parts take a tenth of a second
 * (test/security/wire-bombs.test.ts).
 */
export const PARTS_MAX = 400_000;
/** A frame below this cannot have as many. */
const UNCOUNTED_BYTES = 64 * 1024;
const PARTS_OF_A_NAME = 10;

/** Parts of the JSON text in these bytes; stops where there are more than `most`. */
export function countParts(bytes: Uint8Array, from: number, to: number, most: number): number {
  let parts = 0;
  let quoted = false;
  for (let i = from; i < to && parts <= most; i++) {
    const byte = bytes[i];
    if (quoted) {
      if (byte === 0x5c) i += 1;
      else if (byte === 0x22) quoted = false;
    } else if (byte === 0x22) {
      quoted = true;
      parts += 1;
    } else if (byte === 0x2c || byte === 0x5b || byte === 0x7b) parts += 1;
    else if (byte === 0x3a) parts += PARTS_OF_A_NAME;
  }
  return parts;
}

/**
 * Feed it chunks; it calls `onFrame` with the parsed array of every whole frame. Throws on anything that is not one. Frames
 * that come whole are read where they lie; what is cut is kept and put together once, when its last byte has come.
 */
export class FrameReader {
  readonly #onFrame: (messages: readonly unknown[]) => void;
  readonly #bytesMax: number;
  readonly #partsMax: number;
  /** Of a frame that has begun: its pieces, their bytes, and how many it takes to go on. */
  #pieces: Buffer[] = [];
  #have = 0;
  #need = 0;

  constructor(
    onFrame: (messages: readonly unknown[]) => void,
    bytesMax = FRAME_BYTES_MAX,
    partsMax = Number.POSITIVE_INFINITY,
  ) {
    this.#onFrame = onFrame;
    this.#bytesMax = bytesMax;
    this.#partsMax = partsMax;
  }

  push(chunk: Buffer): void {
    if (this.#have === 0) return this.#read(chunk);
    this.#pieces.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return;
    const whole = Buffer.concat(this.#pieces, this.#have);
    this.#pieces = [];
    this.#have = 0;
    this.#read(whole);
  }

  #read(bytes: Buffer): void {
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      const need = left < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + this.#bodyBytes(bytes.readUInt32BE(at));
      if (left < need) {
        if (left > 0) this.#pieces = [bytes.subarray(at)];
        this.#have = left;
        this.#need = need;
        return;
      }
      this.#checkParts(bytes, at + HEADER_BYTES, at + need);
      const parsed: unknown = JSON.parse(bytes.toString('utf8', at + HEADER_BYTES, at + need));
      at += need;
      if (!Array.isArray(parsed)) throw new Error('a frame is not an array of messages');
      this.#onFrame(parsed);
    }
  }

  #checkParts(bytes: Buffer, from: number, to: number): void {
    if (to - from <= UNCOUNTED_BYTES || this.#partsMax === Number.POSITIVE_INFINITY) return;
    if (countParts(bytes, from, to, this.#partsMax) > this.#partsMax) throw new Error('a frame has too many parts');
  }

  #bodyBytes(length: number): number {
    if (length > this.#bytesMax) throw new Error(`a frame of ${length} bytes is over the limit`);
    return length;
  }
}
