import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatStateFile, parseStateFile, type StateFile } from '../../src/core/state-file.ts';

function fileOf(entries: StateFile['entries']): StateFile {
  const exportedAt = '2026-01-02T03:04:05.678Z';
  return { format: 'tick-runtime-state', version: 1, worker: 'default/w', revision: '7', exportedAt, tick: 3, entries };
}

/** JSON texts that parsing and printing would change. */
const TEXTS = [
  '0.1000000000000000055511151231257827',
  '-0',
  '1e308',
  '1E+2',
  '12345678901234567890',
  '{"b":1,"a":2,"2":0,"1":0}',
  '{"a":1,"a":2}',
  '"\\u00e9\\/"',
  '"é,}]\\"{["',
  '[1 , 2]',
  '{"__proto__":{"x":1}}',
  'null',
  '""',
];

describe('an exported state as a file', () => {
  test('is JSON, and keeps every text of a value exactly', () => {
    const keys = ['state', '__proto__', '', 'é"\\', '10', '9', 'constructor', '}', '\u0000', 'a', 'b', 'c', 'd'];
    const file = fileOf(TEXTS.map((text, i) => [keys[i] ?? '', text]));
    const text = formatStateFile(file);
    expect(JSON.parse(text)).toMatchObject({ format: 'tick-runtime-state', worker: 'default/w', tick: 3 });
    expect(parseStateFile(text)).toEqual(file);
    expect(parseStateFile(`\ufeff${text}`)).toEqual(file);
    expect(parseStateFile(formatStateFile(fileOf([])))).toEqual(fileOf([]));
  });

  test('comes back whatever is in it, also after somebody has indented it anew', () => {
    const pairs = fc.uniqueArray(fc.tuple(fc.string({ unit: 'binary' }), fc.jsonValue({ depthSize: 'medium' })), {
      selector: ([key]) => key,
    });
    fc.assert(
      fc.property(pairs, (given) => {
        const file = fileOf(given.map(([key, value]) => [key, JSON.stringify(value)]));
        expect(parseStateFile(formatStateFile(file))).toEqual(file);
        const indented = parseStateFile(JSON.stringify(JSON.parse(formatStateFile(file)), null, 3));
        const parsed = (one: StateFile): unknown =>
          one.entries
            .map(([key, json]) => [key, JSON.parse(json)])
            .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
        if (!file.entries.some(([key]) => key === '__proto__')) expect(parsed(indented)).toEqual(parsed(file));
      }),
      { numRuns: 2_000, seed: 7 },
    );
  });

  test('is refused where it is something else', () => {
    const text = formatStateFile(fileOf([['a', '1']]));
    for (const wrong of [
      '',
      '{',
      '[]',
      '7',
      '{}',
      text.replace('tick-runtime-state', 'other'),
      text.replace('"version": 1', '"version": 2'),
      text.replace('"a": 1', '"a": 1, "a": 2'),
      text.replace('"state": {', '"states": {'),
      '{"format":"tick-runtime-state","version":1,"state":[1]}',
    ])
      expect(() => parseStateFile(wrong), wrong).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  });
});
