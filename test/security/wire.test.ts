/** The checks of what comes over the wire, under any input. What a cell does with it: wire-framing, wire-memory, wire-sandboxes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader, frameOf } from '../../sandbox/cell/channel.ts';
import { EntryCollector } from '../../sandbox/cell/entries.ts';
import { checkFromCell } from '../../sandbox/protocol-check.ts';

describe('the checks themselves', () => {
  const kinds = [
    'hello',
    'ready',
    'snapshot',
    'fatal',
    'started',
    'settled',
    'unloaded',
    'stuck',
    'stream',
    'ended',
    'loaded',
    'load-failed',
  ];
  const messages = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(
      fc.constantFrom('kind', 'sandbox', 'incarnation', 'entries', 'run', 'error', '__proto__', 'report'),
      fc.jsonValue(),
    ),
    fc.record({
      kind: fc.constantFrom(...kinds),
      sandbox: fc.nat(),
      incarnation: fc.nat(),
      entries: fc.array(fc.array(fc.jsonValue())),
      error: fc.jsonValue(),
      report: fc.jsonValue(),
      run: fc.jsonValue(),
    }),
  );

  it('take any JSON without throwing, and what they let through has an address that is a number', () => {
    fc.assert(
      fc.property(messages, (value) => {
        const message = checkFromCell(value);
        if (message === null || !('sandbox' in message)) return;
        expect(Number.isSafeInteger(message.sandbox) || ['ready', 'fatal', 'snapshot'].includes(message.kind)).toBe(
          true,
        );
      }),
      { numRuns: 20_000, seed: 7 },
    );
  });

  it('a reader gives back what was framed however it is cut, and throws on anything else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.jsonValue(), { maxLength: 4 }), { maxLength: 4 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (frames, cuts) => {
          const bytes = Buffer.concat(frames.map((messages) => frameOf(JSON.stringify(messages))));
          const heard: unknown[] = [];
          const reader = new FrameReader((messages) => void heard.push(messages));
          for (let at = 0; at < bytes.length; ) {
            const length = cuts.next().value;
            reader.push(bytes.subarray(at, at + length));
            at += length;
          }
          expect(JSON.stringify(heard)).toBe(JSON.stringify(frames));
        },
      ),
      { numRuns: 2_000, seed: 7 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 200 }), (bytes) => {
        try {
          new FrameReader(() => undefined, 100).push(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 5_000, seed: 7 },
    );
  });

  it('the cell itself takes nothing from a ring but what the prelude writes there', () => {
    const collector = (): EntryCollector =>
      new EntryCollector(
        () => undefined,
        () => undefined,
      );
    for (const entry of [
      'j7',
      'jnull',
      'j["u",7]',
      'j["u",[[1,2]]]',
      'j["t","x",1]',
      'j["e","ok",{}]',
      'j["e","error",7]',
      'j["l","evil","",null,1]',
      'j["l","info","",null,"x"]',
      'j["q",-1,"a","b"]',
      'j["s","a","b"]',
      'j[',
      'x',
      '',
    ])
      expect(() => collector().add(entry)).toThrow();
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const one = collector();
        try {
          one.add(`j${JSON.stringify(value)}`);
        } catch {
          return;
        }
        expect(checkFromCell({ kind: 'stream', sandbox: 1, incarnation: 1, entries: one.take() })).not.toBeNull();
      }),
      { numRuns: 5_000, seed: 7 },
    );
  });
});
