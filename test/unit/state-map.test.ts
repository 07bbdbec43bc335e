/** The map behind `ctx.state`: what it says on the way out is what it holds, also when it is cut short or told to say all. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EntryCollector } from '../../sandbox/cell/entries.ts';
import { createState } from '../../sandbox/guest/state.guest.ts';
import { createStream, type Stream } from '../../sandbox/guest/stream.guest.ts';
import { RingReader } from '../../sandbox/isolate/ring-reader.ts';
import type { StreamEntry } from '../../sandbox/protocol.ts';
import { LIMITS } from '../support/python-harness.ts';

/** As when the isolate is terminated: the guest's code does not go on behind this point. */
class Terminated extends Error {}

/** A state map and the node's end of its stream. `cut` ends the next write before it is said, or before it is in the map. */
function openState(saved: readonly (readonly [string, string])[] = []) {
  const ring = new RingReader();
  const collector = new EntryCollector(
    () => undefined,
    () => undefined,
  );
  const read = (): void => ring.read((entry) => collector.add(entry));
  const stream = createStream(ring.buffer, (text) => {
    read();
    ring.rewind();
    if (text !== null) collector.add(text);
  });
  let cut: 'before' | 'behind' | null = null;
  function cutting<Args extends unknown[]>(say: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      const where = cut;
      cut = null;
      if (where === 'before') throw new Terminated();
      say(...args);
      if (where === 'behind') throw new Terminated();
    };
  }
  const cuttable: Stream = {
    ...stream,
    set: cutting(stream.set),
    remove: cutting(stream.remove),
    event: cutting(stream.event),
  };
  const state = createState(saved, LIMITS, cuttable);
  return {
    state,
    cutNext: (where: 'before' | 'behind', write: () => void) => {
      cut = where;
      expect(write).toThrow(Terminated);
    },
    take: (): readonly StreamEntry[] => {
      read();
      ring.rewind();
      return collector.take();
    },
    held: () => Object.fromEntries(state.keys().map((key) => [key, state.get(key)])),
  };
}

/** What a node makes of a stream: `dumps` as they came, `stored` by the writes alone. */
function hear(entries: readonly StreamEntry[], stored: Map<string, string>): Record<string, string>[] {
  const dumps: Record<string, string>[] = [];
  let open: Map<string, string> | null = null;
  for (const entry of entries)
    switch (entry[0]) {
      case 's':
        stored.set(entry[1], entry[2]);
        break;
      case 'd':
        stored.delete(entry[1]);
        break;
      case 'b':
        open = new Map();
        break;
      case 'v':
        open?.set(entry[1], entry[2]);
        break;
      case 'w':
        expect(entry[2]).toBe(open?.size);
        dumps.push(Object.fromEntries(open ?? []));
        expect(Object.fromEntries(stored)).toEqual(dumps.at(-1));
        break;
      default:
        break;
    }
  return dumps;
}

describe('the state of a guest', () => {
  test('is said as a whole: what was saved, what was written, nothing that was deleted', () => {
    const { state, take } = openState([
      ['saved', '1'],
      ['gone', '2'],
    ]);
    state.set('written', '{"a":1}');
    state.delete('gone');
    state.dump(4);
    expect(take()).toEqual([
      ['s', 'written', '{"a":1}'],
      ['d', 'gone'],
      ['b', 4],
      ['v', 'saved', '1'],
      ['v', 'written', '{"a":1}'],
      ['w', 4, 2],
    ]);
  });

  test('is said as a whole when it is empty, and when it is as large as it may be', () => {
    const { state, take } = openState();
    state.dump(1);
    expect(take()).toEqual([
      ['b', 1],
      ['w', 1, 0],
    ]);
    const value = JSON.stringify('x'.repeat(500_000));
    for (let n = 0; n < 32; n++) state.set(`fat ${n}`, value);
    take();
    state.dump(2);
    const entries = take();
    expect(entries).toHaveLength(34);
    expect(entries.every(([kind, , json]) => kind !== 'v' || json === value)).toBe(true);
  });

  test('takes a patch from outside without saying it again, all of it or nothing', () => {
    const { state, cutNext, take, held } = openState([
      ['a', '1'],
      ['b', '2'],
    ]);
    state.patch(3, false, [
      ['a', '10'],
      ['b', null],
      ['c', '-0'],
    ]);
    expect(held()).toEqual({ a: '10', c: '-0' });
    expect(take()).toEqual([['p', 3, true]]);
    // What a run that was cut short had begun comes before it, and does not undo it.
    cutNext('before', () => state.set('a', '11'));
    state.patch(4, false, [['a', '20']]);
    state.mend();
    expect(take()).toEqual([
      ['s', 'a', '11'],
      ['p', 4, true],
    ]);
    expect(held()).toEqual({ a: '20', c: '-0' });
    cutNext('behind', () => state.set('late', '1'));
    state.patch(5, true, [['only', '1']]);
    expect(take()).toEqual([
      ['s', 'late', '1'],
      ['p', 5, true],
    ]);
    expect(held()).toEqual({ only: '1' });
    // Too large with what is there already: nothing of it is done, and sizes are still right.
    const fat = JSON.stringify('x'.repeat(500_000));
    const fats = Array.from({ length: 34 }, (_, i): [string, string] => [`fat ${i}`, fat]);
    state.patch(6, false, [['only', null], ...fats]);
    expect(take()).toEqual([['p', 6, false]]);
    expect(held()).toEqual({ only: '1' });
    state.patch(7, false, fats.slice(0, 33));
    expect(take()).toEqual([['p', 7, true]]);
    expect(() => state.set('one more', fat)).toThrow('16777216');
    state.patch(8, true, []);
    state.set('one more', fat);
    expect(Object.keys(held())).toEqual(['one more']);
  });

  test.each(['before', 'behind'] as const)('that was cut short %s the stream is mended by the next run', (where) => {
    const { state, cutNext, take, held } = openState([['old', '1']]);
    cutNext(where, () => state.set('n', '2'));
    state.mend();
    expect(held()).toEqual({ old: '1', n: '2' });
    cutNext(where, () => state.delete('old'));
    state.mend();
    expect(held()).toEqual({ n: '2' });
    cutNext(where, () =>
      state.update([
        ['n', '3'],
        ['m', '4'],
      ]),
    );
    state.mend();
    expect(held()).toEqual({ n: '3', m: '4' });
    const stored = new Map([['old', '1']]);
    hear(take(), stored);
    expect(Object.fromEntries(stored)).toEqual(held());
  });

  test('whatever is written, deleted and cut short, what it says as a whole is what its writes have left', () => {
    const key = fc.constantFrom('a', 'b', '12:3');
    const json = fc.integer().map(String);
    const cut = fc.constantFrom(null, null, null, 'before', 'behind');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('set'), key, json, cut }),
      fc.record({ kind: fc.constant('delete'), key, json, cut }),
      fc.record({ kind: fc.constant('update'), key, json, cut }),
      fc.record({ kind: fc.constant('dump'), key, json, cut: fc.constant(null) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { state, cutNext, take, held } = openState();
        const stored = new Map<string, string>();
        const write = { set: state.set, delete: state.delete, dump: (): void => state.dump(1) };
        for (const { kind, key: name, json: value, cut: where } of steps) {
          const act = (): unknown =>
            kind === 'update'
              ? state.update([
                  [name, value],
                  [`${name}2`, value],
                ] as const)
              : write[kind as keyof typeof write](name, value);
          if (where === null || (kind === 'delete' && state.get(name) === undefined)) act();
          // Whoever goes on with it mends it first, or says all of it.
          else {
            cutNext(where, act);
            if (value.length % 2 === 0) state.dump(2);
            else state.mend();
          }
          hear(take(), stored);
          expect(Object.fromEntries(stored)).toEqual(held());
        }
      }),
      { numRuns: 300 },
    );
  });
});
