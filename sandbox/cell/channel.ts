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

/** As few frames as the limit allows. */
export function encodeFrames(messages: readonly unknown[]): readonly Buffer[] {
  const frames: Buffer[] = [];
  let texts: string[] = [];
  let chars = 0;
  for (const message of messages) {
    const text = JSON.stringify(message);
    if (chars + text.length > FRAME_CHARS && texts.length > 0) {
      frames.push(frameOf(`[${texts.join(',')}]`));
      texts = [];
      chars = 0;
    }
    texts.push(text);
    chars += text.length;
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
 * Feed it chunks; it calls `onFrame` with the parsed array of every whole frame. Throws on anything that is not one. Frames
 * that come whole are read where they lie; what is cut is kept and put together once, when its last byte has come.
 */
export class FrameReader {
  readonly #onFrame: (messages: readonly unknown[]) => void;
  readonly #bytesMax: number;
  /** Of a frame that has begun: its pieces, their bytes, and how many it takes to go on. */
  #pieces: Buffer[] = [];
  #have = 0;
  #need = 0;

  constructor(onFrame: (messages: readonly unknown[]) => void, bytesMax = FRAME_BYTES_MAX) {
    this.#onFrame = onFrame;
    this.#bytesMax = bytesMax;
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
      const parsed: unknown = JSON.parse(bytes.toString('utf8', at + HEADER_BYTES, at + need));
      at += need;
      if (!Array.isArray(parsed)) throw new Error('a frame is not an array of messages');
      this.#onFrame(parsed);
    }
  }

  #bodyBytes(length: number): number {
    if (length > this.#bytesMax) throw new Error(`a frame of ${length} bytes is over the limit`);
    return length;
  }
}
