import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FromCell, StreamEntry } from '../../sandbox/protocol.ts';
import { checkFromCell } from '../../sandbox/protocol-check.ts';

const at = { sandbox: 1, incarnation: 2 };
const error = { name: 'Error', message: 'no', stack: 'Error: no' };

/** One of each kind. */
const GOOD: readonly FromCell[] = [
  { kind: 'hello', protocol: 1, pid: 77, node: 'v26.0.0' },
  { kind: 'ready', rssBytes: 1_000 },
  { kind: 'snapshot', base64: 'AAAA', last: true },
  { kind: 'loaded', ...at, report: { functions: ['setup', 'tick'], setupBindsGlobals: false, durationMs: 1.5 } },
  { kind: 'load-failed', ...at, code: 'CODE_INVALID', error },
  { kind: 'started', ...at, forMs: 50 },
  { kind: 'settled', ...at },
  { kind: 'unloaded', ...at },
  { kind: 'stuck', ...at, cause: 'memory' },
  {
    kind: 'ended',
    ...at,
    run: 1,
    outcome: 'error',
    error,
    waitedMs: 0,
    durationMs: 1.5,
    insideMs: 0,
    cpuMs: 0.5,
    intact: true,
  },
  { kind: 'ended', ...at, run: 1, outcome: 'ok', waitedMs: 0, durationMs: 0, insideMs: 0, cpuMs: 0, intact: true },
  {
    kind: 'ended',
    ...at,
    run: 1,
    entries: [['s', 'n', '1']],
    outcome: 'ok',
    waitedMs: 0,
    durationMs: 0,
    insideMs: 0,
    cpuMs: 0,
    intact: true,
  },
  { kind: 'fatal', message: 'it broke' },
  {
    kind: 'stream',
    ...at,
    entries: [
      ['s', 'key', '1'],
      ['d', 'key'],
      ['l', 'info', 'text', '{"a":1}', 1_700_000_000_000],
      ['l', 'warn', 'text', null, -5],
      ['n', 3],
      ['q', 4, 'http.get', '{}'],
      ['f', 5],
      ['b', 6],
      ['v', 'key', '1'],
      ['w', 6, 1],
      ['w', 6, null],
      ['p', 7, true],
      ['p', 7, false],
      ['p', 8, null],
    ],
  },
];

const BAD_VALUES: readonly unknown[] = [
  null,
  undefined,
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  'x',
  true,
  [],
  {},
  [1],
  2 ** 60,
];

/** Fields whose every wrong value is refused, with the values that happen to be right as well. */
function isFine(kind: string, field: string, value: unknown): boolean {
  if ((field === 'error' || field === 'entries') && kind === 'ended' && value === undefined) return true;
  if (['node', 'message', 'base64'].includes(field)) return typeof value === 'string';
  if (['last', 'intact'].includes(field)) return typeof value === 'boolean';
  if (['waitedMs', 'durationMs', 'insideMs', 'cpuMs', 'forMs'].includes(field))
    return typeof value === 'number' && value >= 0 && value < 1e12;
  if (field === 'entries') return Array.isArray(value) && value.length === 0;
  return false;
}

describe('the check of what a cell says', () => {
  test.each(GOOD.map((message) => [message.kind, message] as const))('takes a right %s', (_kind, message) => {
    expect(checkFromCell(JSON.parse(JSON.stringify(message)))).toEqual(message);
  });

  test('never throws and says null to anything else', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withSparseArray: true, withBigInt: true }), (value) => {
        expect(checkFromCell(value)).toBeNull();
      }),
      { numRuns: 2_000 },
    );
  });

  test('never throws at a message in which any part was replaced by JSON of any kind', () => {
    const kinds = GOOD.map(({ kind }) => kind);
    fc.assert(
      fc.property(
        fc.constantFrom(...GOOD),
        fc.constantFrom(
          'kind',
          'sandbox',
          'incarnation',
          'run',
          'outcome',
          'error',
          'report',
          'entries',
          'code',
          'cause',
        ),
        fc.oneof(fc.jsonValue(), fc.constantFrom(...kinds)),
        (message, field, value) => {
          const result = checkFromCell({ ...message, [field]: value });
          expect(result === null || typeof result === 'object').toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('refuses every message with a field of the wrong shape or without it', () => {
    for (const message of GOOD)
      for (const field of Object.keys(message))
        for (const value of BAD_VALUES) {
          if (isFine(message.kind, field, value)) continue;
          const broken = { ...message, [field]: value };
          expect(checkFromCell(broken), JSON.stringify({ broken, field })).toBeNull();
        }
  });

  test('refuses every message, error and report with a key that is not declared, its prototype too', () => {
    for (const message of GOOD)
      for (const more of ['{"more":1}', '{"__proto__":{"a":1}}', '{"toJSON":null}']) {
        const key = Object.keys(JSON.parse(more) as object)[0];
        const add = (json: string): string => `${json.slice(0, -1)},${more.slice(1)}`;
        expect(checkFromCell(JSON.parse(add(JSON.stringify(message)))), `${message.kind} ${key}`).toBeNull();
        for (const part of ['error', 'report'] as const) {
          const inner = (message as unknown as Record<string, unknown>)[part];
          if (inner === undefined) continue;
          const json = JSON.stringify({ ...message, [part]: '$part' }).replace('"$part"', add(JSON.stringify(inner)));
          expect(checkFromCell(JSON.parse(json)), `${message.kind} ${part} ${key}`).toBeNull();
        }
      }
  });

  test.each<[string, unknown]>([
    ['no entry', 'x'],
    ['an unknown one', ['x', 1]],
    ['a set without a value', ['s', 'key']],
    ['a set with more than a value', ['s', 'key', '1', 'x'.repeat(1_000)]],
    ['a set of a key without end', ['s', 'k'.repeat(100_000), '1']],
    ['an entry named as a prototype', ['__proto__', 1]],
    ['an entry named as what every object has', ['constructor', 1]],
    ['a set of a number', ['s', 'key', 1]],
    ['a delete of a number', ['d', 1]],
    ['a log of an unknown level', ['l', 'fatal', 'text', null, 0]],
    ['a log without a time', ['l', 'info', 'text', null, 'now']],
    ['a log with an object of fields', ['l', 'info', 'text', {}, 0]],
    ['a log that is far too long', ['l', 'info', 'x'.repeat(70_000), null, 0]],
    ['a call without a number', ['q', 'one', 'http.get', '{}']],
    ['a call with an object of arguments', ['q', 1, 'http.get', {}]],
    ['a flush with a negative number', ['f', -1]],
    ['a count that is no whole number', ['n', 1.5]],
    ['the beginning of a dump without its number', ['b']],
    ['a dumped key without a value', ['v', 'key']],
    ['a dumped number', ['v', 'key', 1]],
    ['the end of a dump that does not say how many', ['w', 1]],
    ['the end of a dump with half a key', ['w', 1, 0.5]],
    ['a patch that does not say whether it was done', ['p', 1]],
    ['a patch that is done by a number', ['p', 1, 1]],
    ['a patch without a number', ['p', 'x', true]],
    ['the event of a ring', ['u', [['a', '1']]]],
  ])('refuses a stream in which one entry is wrong: %s', (_what, entry) => {
    const entries = [['s', 'a', '1'], entry] as unknown as StreamEntry[];
    expect(checkFromCell({ kind: 'stream', ...at, entries })).toBeNull();
  });

  test('refuses errors and reports that are not whole, and texts that a cell should have cut', () => {
    const ended = {
      kind: 'ended',
      ...at,
      run: 1,
      outcome: 'error',
      waitedMs: 0,
      durationMs: 1,
      insideMs: 0,
      cpuMs: 1,
      intact: true,
    };
    for (const wrong of [
      { ...error, stack: 1 },
      { name: 'E', message: 'm' },
      { ...error, message: 'x'.repeat(70_000) },
    ])
      expect(checkFromCell({ ...ended, error: wrong })).toBeNull();
    const report = { functions: ['tick'], setupBindsGlobals: false, durationMs: 1 };
    for (const wrong of [
      { ...report, functions: ['close'] },
      { ...report, functions: 'tick' },
      { ...report, durationMs: -1 },
    ])
      expect(checkFromCell({ kind: 'loaded', ...at, report: wrong })).toBeNull();
  });
});
