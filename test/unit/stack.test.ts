import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ERROR_STACK_CHARS_MAX } from '../../src/core/limits.ts';
import type { CompiledWorker } from '../../src/workers/definition.ts';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { WORKER_SCRIPT } from '../../src/workers/script.ts';
import { compileFixture, compileText, exportsOf } from '../support/compile.ts';

let worker: CompiledWorker;
let stack = '';

beforeAll(async () => {
  worker = await compileFixture('workers/orders/worker.ts');
  stack = await thrownBy(worker, { params: 'explode' });
});
afterAll(closeCompiler);

async function thrownBy(compiled: CompiledWorker, ctx: object): Promise<string> {
  try {
    await exportsOf(compiled)['tick']?.(ctx);
  } catch (error) {
    return String((error as Error).stack);
  }
  throw new Error('nothing was thrown');
}

/** A position in the bundle that exists: the first one of the real stack. */
const real = (): string => /worker:bundle:\d+:\d+/.exec(stack)?.[0] ?? '';

describe('a stack of a worker', () => {
  test("names the user's own files, lines and columns, and nothing of the host", () => {
    expect(stack).toContain(`${WORKER_SCRIPT}:`);
    const [message, first, second, ...rest] = worker.mapStack(stack).split('\n');
    expect(message).toBe('Error: exploded: asked to');
    expect(first).toBe('    at explode (lib/levels.ts:11:9)');
    expect(second).toMatch(/^ {4}at (?:Object\.)?tick \(worker\.ts:17:33\)$/);
    expect(rest).toEqual([]);
  });

  test('names a package by its place in node_modules', async () => {
    const mapped = (await compileFixture('workers/packages/addresses.js')).mapStack;
    const other = await compileFixture('workers/packages/addresses.js');
    const text = mapped(await thrownBy(other, { params: 'not an address' }));
    expect(text).toMatch(/\(node_modules\/ipaddr\.js\/lib\/ipaddr\.js:\d+:\d+\)/);
    expect(text).toContain('addresses.js:4:17');
  });

  test('of a plain script keeps its lines though exports were added', async () => {
    const plain = await compileText({
      'w.js': 'function helper() {\n  throw new TypeError("no");\n}\nfunction tick() { helper(); }',
    });
    expect(plain.mapStack(await thrownBy(plain, {}))).toContain('at helper (w.js:2:9)');
  });

  test('drops frames of our own code and of the host', () => {
    const text = [
      'Error: x',
      `    at tick (${real()})`,
      '    at run (prelude:1:200)',
      '    at Module._compile (node:internal/modules/cjs/loader:1:2)',
      '    at file:///srv/engine/src/x.ts:1:2',
      '    at load (/srv/engine/cell.ts:3:4)',
      `    at wrapper (${WORKER_SCRIPT}:1:1)`,
      '    at Array.map (<anonymous>)',
      '    at async Promise.all (index 0)',
    ].join('\n');
    expect(worker.mapStack(text).split('\n')).toEqual([
      'Error: x',
      '    at tick (lib/levels.ts:11:9)',
      '    at Array.map (<anonymous>)',
      '    at async Promise.all (index 0)',
    ]);
  });

  test('of code at the top of the module names its place without the eval that ran it', () => {
    const text = `Error: x\n    at eval (${real()})\n    at eval (<anonymous>)\n    at prelude:1:24`;
    expect(worker.mapStack(text)).toBe('Error: x\n    at lib/levels.ts:11:9');
  });

  test('maps code that the worker gave to eval to the line that did so', () => {
    expect(worker.mapStack(`    at eval (eval at tick (${real()}), <anonymous>:1:7)`)).toBe(
      '    at eval (eval at tick (lib/levels.ts:11:9), <anonymous>:1:7)',
    );
    expect(worker.mapStack(`    at eval (eval at tick (${real()}), /srv/x.js:1:7)`)).toBe('');
  });

  test('that was mapped before, as on_error gets it, stays as it is', () => {
    const mapped = worker.mapStack(stack);
    expect(worker.mapStack(mapped)).toBe(mapped);
    const text = 'Error: x\n    at lib/levels.ts:1:2\n    at async tick (worker.ts:3:4)';
    expect(worker.mapStack(`${text}\n    at f (lib/other.ts:1:2)\n    at /srv/worker.ts:1:1`)).toBe(text);
  });

  test('keeps every line of a message and cleans what a terminal would obey', () => {
    expect(worker.mapStack('Error: one\n  two\nat noon\u001b[2J\u0007')).toBe(
      'Error: one\n  two\nat noon\ufffd[2J\ufffd',
    );
  });

  test.each([
    ['a huge one', 'x'.repeat(5_000_000)],
    ['a million lines', 'a\n'.repeat(1_000_000)],
    ['a million frames', `    at f (${WORKER_SCRIPT}:1:1)\n`.repeat(100_000)],
    ['a long frame', `    at ${'('.repeat(1_000_000)}`],
    ['many positions', `${WORKER_SCRIPT}:1:1 `.repeat(100_000)],
    ['enormous numbers', `    at f (${WORKER_SCRIPT}:99999999999999999999:99999999999999)`],
    ['zeros', `    at f (${WORKER_SCRIPT}:0:0)`],
    ['half a surrogate', '    at \ud800 (x:1:1)'],
    ['nothing', ''],
  ])('that is hostile (%s) is mapped fast, bounded and without an error', (_what, text) => {
    const started = performance.now();
    expect(worker.mapStack(text).length).toBeLessThanOrEqual(ERROR_STACK_CHARS_MAX);
    expect(performance.now() - started).toBeLessThan(500);
  });

  test('never throws and never shows a frame in a foreign file, whatever the guest wrote', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '    at ',
        '\n',
        '(',
        ')',
        `${WORKER_SCRIPT}:`,
        ':1:1',
        'eval at ',
        '<anonymous>',
        '/srv/host.js',
        ' ',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = worker.mapStack(pieces.join(''));
        for (const line of text.split('\n')) expect(line).not.toMatch(/^\s+at .*\(\/srv\/host\.js:\d+:\d+\)$/);
      }),
      { numRuns: 500 },
    );
  });
});
