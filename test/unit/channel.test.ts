import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, FrameReader, frameOf } from '../../sandbox/cell/channel.ts';
import { FRAME_BYTES_MAX } from '../../sandbox/protocol.ts';

/** Cuts a buffer at the given places (fractions of it). */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => Math.floor(place * bytes.length)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  return ends.map((to) => {
    const piece = bytes.subarray(from, to);
    from = to;
    return piece;
  });
}

const header = (length: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
};

describe('frames on a pipe', () => {
  test('come out as they were written, however the pipe cuts them', () => {
    const frames = fc.array(fc.array(fc.jsonValue(), { maxLength: 4 }), { minLength: 1, maxLength: 6 });
    const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });
    fc.assert(
      fc.property(frames, places, (list, cuts) => {
        const bytes = Buffer.concat(list.map((messages) => encodeFrame(messages)));
        const seen: unknown[] = [];
        const reader = new FrameReader((messages) => seen.push(messages));
        for (const piece of cut(bytes, cuts)) reader.push(piece);
        expect(seen).toEqual(JSON.parse(JSON.stringify(list)));
      }),
    );
  });

  test('come out byte by byte too, at the byte that completes them', () => {
    const bytes = encodeFrame([{ text: 'é€😀' }]);
    let seen = 0;
    const reader = new FrameReader(() => {
      seen += 1;
    });
    for (let i = 0; i < bytes.length; i++) {
      expect(seen).toBe(0);
      reader.push(bytes.subarray(i, i + 1));
    }
    expect(seen).toBe(1);
  });

  test('that are too long are refused at their header, before anything is buffered', () => {
    const reader = new FrameReader(() => undefined, 1_000);
    expect(() => reader.push(header(1_001))).toThrow('over the limit');
    expect(() => new FrameReader(() => undefined).push(header(0xffff_ffff))).toThrow('over the limit');
    expect(() => frameOf('x'.repeat(FRAME_BYTES_MAX + 1))).toThrow('over the limit');
    expect(() => new FrameReader(() => undefined, 1_000).push(header(1_000))).not.toThrow();
  });

  test.each([
    ['text that is not JSON', 'nonsense'],
    ['an empty frame', ''],
    ['an object', '{}'],
    ['a number', '1'],
    ['null', 'null'],
  ])('that hold %s are refused', (_what, text) => {
    const body = Buffer.from(text);
    expect(() => new FrameReader(() => undefined).push(Buffer.concat([header(body.length), body]))).toThrow();
  });

  test('of garbage end in an error or in waiting, never in anything else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), (chunks) => {
        const reader = new FrameReader((messages) => expect(Array.isArray(messages)).toBe(true), 1_000);
        try {
          for (const chunk of chunks) reader.push(Buffer.from(chunk));
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});
