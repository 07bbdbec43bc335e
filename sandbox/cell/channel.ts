/**
 * Frames on a pipe: a 4-byte big-endian length and a UTF-8 JSON array of messages. The length is checked before anything is
 * buffered. Used by both sides: a cell writes with a blocking call, the node through its stream.
 */
import { FRAME_BYTES_MAX } from '../protocol.ts';

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
  const frame = Buffer.allocUnsafe(4 + length);
  frame.writeUInt32BE(length, 0);
  frame.write(json, 4, 'utf8');
  return frame;
}

/** Feed it chunks; it calls `onFrame` with the parsed array of every whole frame. Throws on anything that is not one. */
export class FrameReader {
  readonly #onFrame: (messages: readonly unknown[]) => void;
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #have = 0;
  #need = -1;

  constructor(onFrame: (messages: readonly unknown[]) => void, bytesMax = FRAME_BYTES_MAX) {
    this.#onFrame = onFrame;
    this.#bytesMax = bytesMax;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#have += chunk.length;
    for (;;) {
      if (this.#need < 0) {
        if (this.#have < 4) return;
        const length = this.#take(4).readUInt32BE(0);
        if (length > this.#bytesMax) throw new Error(`a frame of ${length} bytes is over the limit`);
        this.#need = length;
      }
      if (this.#have < this.#need) return;
      const body = this.#take(this.#need);
      this.#need = -1;
      const parsed: unknown = JSON.parse(body.toString('utf8'));
      if (!Array.isArray(parsed)) throw new Error('a frame is not an array of messages');
      this.#onFrame(parsed);
    }
  }

  #take(length: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= length) {
      this.#have -= length;
      if (first.length === length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    const all = Buffer.concat(this.#chunks);
    this.#chunks = all.length === length ? [] : [all.subarray(length)];
    this.#have = all.length - length;
    return all.subarray(0, length);
  }
}
