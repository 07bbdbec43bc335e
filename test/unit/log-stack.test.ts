import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LOG_LINE_CHARS_MAX } from '../../src/core/limits.ts';
import type { CompiledWorker } from '../../src/workers/definition.ts';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { createLogMapper } from '../../src/workers/log-stack.ts';
import { WORKER_SCRIPT } from '../../src/workers/script.ts';
import { compileFixture, compileText, exportsOf } from '../support/compile.ts';

let worker: CompiledWorker;
/** Positions in the bundle of `lib/levels.ts:11:9` and `worker.ts:17:33`. */
let inner = '';
let outer = '';

beforeAll(async () => {
  worker = await compileFixture('workers/orders/worker.ts');
  let stack = '';
  try {
    await exportsOf(worker)['tick']?.({ params: 'explode' });
  } catch (error) {
    stack = String((error as Error).stack);
  }
  [inner = '', outer = ''] = stack.match(/worker:bundle:\d+:\d+/g) ?? [];
  expect(outer).not.toBe('');
});
afterAll(closeCompiler);

/** As a JavaScript sandbox prints it. */
const raw = (): string =>
  [
    'Error: x',
    '    at fault (prelude:93:17)',
    `    at explode (${inner})`,
    `    at async tick (${outer})`,
    '    at Object.run (prelude:773:16)',
    '    at prelude:1252:26',
    '    at begin (prelude:1252:7)',
  ].join('\n');
const OWN = 'Error: x\n    at explode (lib/levels.ts:11:9)\n    at async tick (worker.ts:17:33)';

describe('a log line', () => {
  test("has stacks with the user's own files, and no frame of the prelude", () => {
    expect(worker.mapLogText(raw())).toBe(OWN);
    expect(worker.mapLogText(raw().slice('Error: x\n'.length))).toBe(OWN.slice('Error: x\n'.length));
  });

  test('keeps what stands around a stack', () => {
    expect(worker.mapLogText(`first\n${raw()} {"price":12}\nand so on`)).toBe(`first\n${OWN} {"price":12}\nand so on`);
    expect(worker.mapLogText(`see ${inner}, "${outer}"`)).toBe('see lib/levels.ts:11:9, "worker.ts:17:33"');
  });

  test('that shows an object has the stacks in it mapped, at any depth of quoting', () => {
    const nested = (stack: string): string => JSON.stringify({ at: 1, body: JSON.stringify({ stack }) });
    expect(worker.mapLogText(`caught ${JSON.stringify({ stack: raw() })}`)).toBe(
      `caught ${JSON.stringify({ stack: OWN })}`,
    );
    expect(worker.mapLogText(nested(raw()))).toBe(nested(OWN));
    expect(worker.mapLogFields(nested(raw()))).toBe(nested(OWN));
  });

  test('has its fields mapped and nothing else in them touched', () => {
    const fields = `{"n":12345678901234567890,"__proto__":1e400,"${inner}":"\\u0041","stack":${JSON.stringify(raw())},"list":["${inner}",null]}`;
    expect(worker.mapLogFields(fields)).toBe(
      `{"n":12345678901234567890,"__proto__":1e400,"${inner}":"\\u0041","stack":${JSON.stringify(OWN)},"list":["lib/levels.ts:11:9",null]}`,
    );
  });

  test('of the module body names its place without the eval that ran it', () => {
    const text = `Error: x\n    at eval (${inner})\n    at eval (${WORKER_SCRIPT}:1:1)\n    at eval (<anonymous>)\n    at Object.load (prelude:756:23)`;
    expect(worker.mapLogText(text)).toBe('Error: x\n    at lib/levels.ts:11:9');
  });

  test.each([
    'at noon\n    at the station (platform:1:2)',
    '    at begin (prelude:1252:7)',
    'the prelude: 1\n  at prelude:x',
    `${WORKER_SCRIPT}:99999999:1 ${WORKER_SCRIPT}:0:0 ${WORKER_SCRIPT}:9999999:9 ${WORKER_SCRIPT}`,
    `net${WORKER_SCRIPT}:28:1`,
    `    at f (${WORKER_SCRIPT}:28:1… (cut, 12000 characters)`,
    'C:\\new\\prelude:1:2',
    'x\n    at prelude:1:2/srv/x.js:1:1\n    at f (prelude:1:2… (cut, 12000 characters)',
  ])('is left alone where there is no stack of the worker: %s', (text) => {
    expect(worker.mapLogText(text)).toBe(text);
  });

  test('with fields that are no JSON is left alone', () => {
    for (const text of [`{"a":"${inner}`, `"\\"${'\\"'.repeat(4_000)}${inner}`, inner])
      expect(worker.mapLogFields(text)).toBe(text);
  });

  test("of hostile file names still has fields that are JSON, and names in the user's own words", () => {
    const { mapLogFields, mapLogText } = createLogMapper(() => ({ file: '"},\\\n$&$1', line: 1, column: 2 }));
    expect(JSON.parse(mapLogFields(`{"a":"${WORKER_SCRIPT}:5:5"}`))).toEqual({ a: '"},\\\n$&$1:1:2' });
    expect(mapLogText(`x ${WORKER_SCRIPT}:5`)).toBe('x "},\\\n$&$1:1');
  });

  test.each([
    ['positions', `${WORKER_SCRIPT}:28:5 `],
    ['frames', `\n    at f (${WORKER_SCRIPT}:28:5)`],
    ['frames of ours', '\n    at f (prelude:1:1)'],
    ['lines', '\n'],
    ['escaped lines', '\\n'],
    ['backslashes', '\\'],
    ['brackets', '    at ((((( '],
    ['starts of frames', '\n    at a at a at a (('],
    ['quotes', '"'],
  ])('full of forged %s is done in a few milliseconds and stays bounded', (_what, piece) => {
    const text = `${WORKER_SCRIPT}:28:5${piece.repeat(LOG_LINE_CHARS_MAX)}`.slice(0, LOG_LINE_CHARS_MAX);
    const fields = JSON.stringify({ text }).slice(0, LOG_LINE_CHARS_MAX);
    const whole = JSON.stringify({ text: text.slice(0, LOG_LINE_CHARS_MAX / 3) });
    worker.mapLogText(`warm ${inner}`);
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 5; i++) {
      const from = performance.now();
      const mapped = [worker.mapLogText(text), worker.mapLogFields(fields), worker.mapLogFields(whole)];
      best = Math.min(best, performance.now() - from);
      for (const line of mapped) expect(line.length).toBeLessThanOrEqual(LOG_LINE_CHARS_MAX + 4_096);
    }
    expect(best).toBeLessThan(15);
  });

  test('that no guest could have written is not looked at', () => {
    const text = `${inner} ${'x'.repeat(60_000)}`;
    expect(worker.mapLogText(text)).toBe(text);
  });

  test('of any content keeps JSON valid, its keys and its shape, and gets only names of own files', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('    at ', '\n', '\\', '\\n', '(', ')', '"', ' ', 'eval ', 'eval at '),
      fc.constantFrom(`${WORKER_SCRIPT}:`, 'prelude:', ':1:1', '28:5', '1:1', '…', '/srv/host.js'),
      fc.constantFrom('    at f (prelude:1:1)', '\n    at prelude:1:2').map(String),
      fc.tuple(fc.nat(200), fc.nat(100)).map(([line, column]) => `${WORKER_SCRIPT}:${line}:${column}`),
    );
    const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));
    const looks = (value: unknown): unknown =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).map(([key, item]) => [key, looks(item)])
        : typeof value;
    const own = createLogMapper((line) => (line % 3 === 0 ? null : { file: '☂', line: 1, column: 2 }));
    fc.assert(
      fc.property(fc.dictionary(text, fc.oneof(text, fc.array(text), fc.jsonValue())), (fields) => {
        const json = JSON.stringify(fields);
        const mapped = own.mapLogFields(json);
        expect(looks(JSON.parse(mapped))).toEqual(looks(JSON.parse(json)));
        const line = Object.values(fields)
          .filter((value) => typeof value === 'string')
          .join('\n');
        // What is not the name of an own file was there before.
        for (const word of own.mapLogText(line).split(/☂:1(?::2)?|[^\w/.]/)) expect(line).toContain(word);
      }),
      { numRuns: 500 },
    );
  });

  test('of Python is as it was', async () => {
    const python = await compileText({ 'w.py': 'def tick(ctx): pass' });
    expect(python.mapLogText(raw())).toBe(raw());
    expect(python.mapLogFields(`{"a":"${inner}"}`)).toBe(`{"a":"${inner}"}`);
  });
});
