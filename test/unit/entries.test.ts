import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EntryCollector, partsOf, type RunEnd, STREAM_CHARS } from '../../sandbox/cell/entries.ts';
import { createStream, type Stream } from '../../sandbox/guest/stream.guest.ts';
import { RingReader } from '../../sandbox/isolate/ring-reader.ts';
import { RING, type StreamEntry } from '../../sandbox/protocol.ts';

/** A guest's stream and the cell's end of it, put together as sandbox.ts does it. */
function openStream() {
  const ring = new RingReader();
  const timers: (readonly [number, number])[] = [];
  const ends: RunEnd[] = [];
  let spills = 0;
  const collector = new EntryCollector(
    (call, ms) => timers.push([call, ms]),
    (end) => ends.push(end),
  );
  const read = (): void => ring.read((entry) => collector.add(entry));
  const stream = createStream(ring.buffer, (text) => {
    spills += 1;
    read();
    ring.rewind();
    if (text !== null) collector.add(text);
  });
  return { ring, stream, collector, timers, ends, read, spills: () => spills };
}

type Write =
  | { readonly kind: 'set'; readonly key: string; readonly json: string }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'update'; readonly entries: readonly (readonly [string, string])[] }
  | { readonly kind: 'log'; readonly text: string }
  | { readonly kind: 'call'; readonly args: string }
  | { readonly kind: 'flush' }
  | { readonly kind: 'timer'; readonly ms: number }
  /** The cell looks at the running guest. */
  | { readonly kind: 'drain' };

const key = fc.oneof(fc.constantFrom('a', 'b', 'n:1', '12:34', ''), fc.string({ unit: 'grapheme', maxLength: 12 }));
/** Some values are larger than what is left of the ring, some larger than the ring. */
const json = fc.oneof(
  fc.json({ maxDepth: 2 }),
  fc.integer({ min: 0, max: 40_000 }).map((length) => JSON.stringify('é'.repeat(length))),
);
const write: fc.Arbitrary<Write> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set' as const), key, json }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('update' as const),
      entries: fc.array(fc.tuple(key, json), { maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('log' as const), text: fc.string({ maxLength: 50 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('call' as const), args: fc.json({ maxDepth: 1 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'flush' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('timer' as const), ms: fc.nat(1_000) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'drain' as const }) },
);

function say(stream: Stream, item: Write, call: number): void {
  switch (item.kind) {
    case 'set':
      return stream.set(item.key, item.json);
    case 'delete':
      return stream.remove(item.key);
    case 'update':
      return stream.event(['u', item.entries]);
    case 'log':
      return stream.event(['l', 'info', item.text, null, 7]);
    case 'call':
      return stream.event(['q', call, 'echo.say', item.args]);
    case 'flush':
      return stream.event(['f', call]);
    case 'timer':
      return stream.event(['t', call, item.ms]);
    case 'drain':
      return;
  }
}

/** The state that a list of writes leaves, and what it was at every call and flush. */
function model(list: readonly Write[]) {
  const state = new Map<string, string>();
  const seenBy = new Map<number, Record<string, string>>();
  const logs: string[] = [];
  list.forEach((item, call) => {
    if (item.kind === 'set') state.set(item.key, item.json);
    else if (item.kind === 'delete') state.delete(item.key);
    else if (item.kind === 'update') for (const [k, v] of item.entries) state.set(k, v);
    else if (item.kind === 'log') logs.push(item.text);
    else if (item.kind === 'call' || item.kind === 'flush') seenBy.set(call, Object.fromEntries(state));
  });
  return { state: Object.fromEntries(state), seenBy, logs };
}

/** What the node makes of the entries. */
function replay(entries: readonly StreamEntry[]) {
  const state = new Map<string, string>();
  const seenBy = new Map<number, Record<string, string>>();
  const logs: string[] = [];
  for (const entry of entries) {
    if (entry[0] === 's') state.set(entry[1], entry[2]);
    else if (entry[0] === 'd') state.delete(entry[1]);
    else if (entry[0] === 'l') logs.push(entry[2]);
    else if (entry[0] === 'q' || entry[0] === 'f') seenBy.set(entry[1], Object.fromEntries(state));
  }
  return { state: Object.fromEntries(state), seenBy, logs };
}

describe('what a guest writes', () => {
  test('comes out in order and complete, over every wrap and spill, and however often the cell looks', () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 60 }), (list) => {
        const { stream, collector, read, ring, timers } = openStream();
        const taken: StreamEntry[] = [];
        list.forEach((item, call) => {
          if (item.kind === 'drain') {
            read();
            taken.push(...collector.take());
          } else say(stream, item, call);
        });
        read();
        ring.rewind();
        taken.push(...collector.take());
        expect(replay(taken)).toEqual(model(list));
        const expected = list.flatMap((item, call) => (item.kind === 'timer' ? [[call, item.ms]] : []));
        expect(timers).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  test('to one key a million times reaches the node as one change', () => {
    const { stream, collector, read, spills } = openStream();
    for (let i = 0; i < 1_000_000; i++) stream.set('n', String(i));
    read();
    expect(collector.take()).toEqual([['s', 'n', '999999']]);
    expect(spills()).toBeGreaterThan(100);
  });

  test('is merged only up to the next call: the call sees what was written before it', () => {
    const { stream, collector, read } = openStream();
    stream.set('n', '1');
    stream.set('n', '2');
    stream.event(['q', 5, 'echo.say', '{}']);
    stream.set('n', '3');
    stream.remove('n');
    read();
    expect(collector.take()).toEqual([
      ['s', 'n', '2'],
      ['q', 5, 'echo.say', '{}'],
      ['d', 'n'],
    ]);
  });

  test('before its whole state is settled, and the state comes in the place where it was asked for', () => {
    const { stream, collector, read } = openStream();
    stream.set('n', '1');
    stream.set('n', '2');
    stream.event(['b', 9]);
    stream.tell('n', '2');
    stream.tell('12:34', '"ä"');
    stream.event(['w', 9, 2]);
    stream.set('n', '3');
    read();
    collector.failed('dump', 10);
    expect(collector.take()).toEqual([
      ['s', 'n', '2'],
      ['b', 9],
      ['v', 'n', '2'],
      ['v', '12:34', '"ä"'],
      ['w', 9, 2],
      ['s', 'n', '3'],
      ['w', 10, null],
    ]);
  });

  test('in one update is never torn apart: while it is being written the cell sees all of it or nothing', () => {
    const { stream, collector, read, ring } = openStream();
    const header = new Int32Array(ring.buffer, 0, 16);
    stream.event([
      'u',
      [
        ['a', '1'],
        ['b', '1'],
      ],
    ]);
    const whole = header[RING.HEAD] ?? 0;
    // The head of a half-written entry stands where the entry begins.
    Atomics.store(header, RING.HEAD, 0);
    read();
    expect(collector.take()).toEqual([]);
    Atomics.store(header, RING.HEAD, whole);
    read();
    expect(collector.take()).toEqual([
      ['s', 'a', '1'],
      ['s', 'b', '1'],
    ]);
  });

  test('larger than the ring spills as one entry', () => {
    const { stream, collector, spills } = openStream();
    const big = JSON.stringify('x'.repeat(RING.BYTES));
    stream.set('small', '1');
    stream.event([
      'u',
      [
        ['a', big],
        ['b', big],
      ],
    ]);
    expect(spills()).toBe(1);
    expect(collector.take()).toEqual([
      ['s', 'small', '1'],
      ['s', 'a', big],
      ['s', 'b', big],
    ]);
  });

  test('tells the end of a run once, with its report or its error', () => {
    const { stream, read, ends } = openStream();
    const report = { functions: ['tick' as const], setupBindsGlobals: false, durationMs: 1 };
    stream.event(['e', 'ok', report]);
    stream.event(['e', 'error', { name: 'E', message: 'm', stack: 's' }]);
    stream.endedWell();
    read();
    expect(ends).toEqual([
      { report, error: null },
      { report: null, error: { name: 'E', message: 'm', stack: 's' } },
      { report: null, error: null },
    ]);
  });

  test('says how many calls hold the run open', () => {
    const { stream, ring } = openStream();
    stream.open(3);
    expect(ring.openCalls).toBe(3);
  });
});

describe('a stream that is too large for one message', () => {
  test('is split within a whole state, which its end makes one again', () => {
    const value = 'x'.repeat(STREAM_CHARS / 4);
    const told = Array.from({ length: 20 }, (_, n) => ['v', `k${n}`, value] as const);
    const parts = partsOf([['b', 1], ...told, ['w', 1, 20]]);
    expect(parts.flat()).toEqual([['b', 1], ...told, ['w', 1, 20]]);
    expect(parts.length).toBeGreaterThanOrEqual(5);
  });

  const size = fc.constantFrom(1, STREAM_CHARS / 8, STREAM_CHARS / 3, STREAM_CHARS);
  const entry: fc.Arbitrary<StreamEntry> = fc.oneof(
    fc.tuple(fc.constantFrom('a', 'b'), size).map(([name, chars]) => ['s', name, 'x'.repeat(chars)] as const),
    fc.constantFrom(['d', 'a'] as const),
    size.map((chars) => ['q', 1, 'http.get', 'x'.repeat(chars)] as const),
  );
  const isState = (item: StreamEntry | undefined): boolean => item?.[0] === 's' || item?.[0] === 'd';

  test('is split without losing or moving anything, and never between writes that belong together', () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 12 }), (list) => {
        const parts = partsOf(list);
        expect(parts.flat()).toEqual(list);
        for (const [i, part] of parts.entries()) {
          expect(part.length).toBeGreaterThan(0);
          if (i > 0) expect(isState(parts[i - 1]?.at(-1)) && isState(part[0])).toBe(false);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('comes in parts that are not larger than they must be', () => {
    const call = (chars: number): StreamEntry => ['q', 1, 'http.get', 'x'.repeat(chars)];
    const big = call(STREAM_CHARS / 2 + 1);
    expect(partsOf([big, big, big]).map((part) => part.length)).toEqual([1, 1, 1]);
    expect(partsOf([call(10), call(10), call(10)])).toHaveLength(1);
  });
});

describe('a ring that does not make sense', () => {
  const damage = (head: number, length: number): (() => void) => {
    const { ring, read } = openStream();
    const header = new Int32Array(ring.buffer, 0, 16);
    const units = new Uint16Array(ring.buffer, RING.DATA);
    units[0] = length & 0xffff;
    units[1] = length >>> 16;
    header[RING.HEAD] = head;
    return read;
  };

  test.each([
    ['a head beyond its end', RING.BYTES, 2],
    ['a head before its beginning', -5, 2],
    ['an entry longer than what was written', 10, 100],
    ['a negative length', 10, 0x8000_0000],
    ['an entry of an unknown kind', 4, 2],
  ])('is refused: %s', (_what, head, length) => {
    expect(damage(head, length)).toThrow('the ring of a guest is damaged');
  });

  test('never makes the reader loop or read outside, whatever is in it', () => {
    fc.assert(
      fc.property(fc.int32Array({ minLength: 1, maxLength: 200 }), fc.integer(), (words, head) => {
        const { ring, collector, read } = openStream();
        new Int32Array(ring.buffer, RING.DATA).set(words);
        new Int32Array(ring.buffer, 0, 16)[RING.HEAD] = head;
        try {
          read();
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
        expect(collector.take().length).toBeLessThan(RING.BYTES);
      }),
    );
  });
});

test('a collector says when it holds enough for a message, so that no loop of writes fills a frame with parts', () => {
  const { collector } = openStream();
  for (let i = 0; i < 20_000; i++) collector.add(`d${i}`);
  expect(collector.full).toBe(false);
  collector.add('dlast');
  expect(collector.full).toBe(true);
  expect(collector.take()).toHaveLength(20_001);
  expect(collector.full).toBe(false);
});
