import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MiB, SOURCE_BYTES_MAX } from '../../src/core/limits.ts';
import { compileWorker } from '../../src/workers/compile.ts';
import { CompilerLost, closeCompiler, withCompiler } from '../../src/workers/esbuild-service.ts';
import { compileFixture, compileText, exportsOf, refusalOf } from '../support/compile.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'compile-'));
});
afterAll(async () => {
  await closeCompiler();
  await rm(folder, { recursive: true });
});

const fromDisk = async (name: string, content: string | Uint8Array): Promise<{ message: string }> => {
  await writeFile(join(folder, name), content);
  return refusalOf(compileWorker({ kind: 'file', file: join(folder, name) }));
};

describe('code that cannot run is refused', () => {
  test('with file, line and column of a syntax error, in characters', async () => {
    const { message, problems } = await refusalOf(compileFixture('broken/syntax.ts'));
    expect(message).toMatch(/^syntax\.ts:2:24: Expected identifier/);
    expect(problems).toEqual([{ file: 'syntax.ts', line: 2, column: 24, message }]);
  });

  test('with the file that is wrong, not the one that imports it', async () => {
    const files = { 'w.ts': "import './lib/a';\nexport function tick() {}", 'lib/a.ts': '\n\nlet x = ;' };
    expect((await refusalOf(compileText(files))).message).toMatch(/^lib\/a\.ts:3:9: /);
  });

  test.each([
    ['an ES module', 'export function tock() {}'],
    ['a default export', 'export default { setup() {} };'],
    ['CommonJS', 'module.exports = { setup() {} };'],
    ['CommonJS by name', 'exports.setup = () => {};'],
    ['plain functions', 'function setup() {}'],
    ['nothing', ''],
    ['a tick that is no function', 'export const tick = 5;'],
    ['a default export that is a class', 'export default class { tick() {} }'],
  ])('when there is no tick in %s', async (_form, text) => {
    expect((await refusalOf(compileText({ 'w.js': text }))).message).toMatch(/^w\.js:1:1: .*no function "tick"/);
  });

  test('unless only running it can tell whether there is a tick', async () => {
    await compileText({ 'w.js': 'module.exports = (() => ({ tick() {} }))();' });
    await compileText({ 'w.js': 'export default Object.assign({}, { tick() {} });' });
    await compileText({ 'w.js': "export * from './c.cjs';", 'c.cjs': 'module.exports = { tick() {} };' });
  });

  test.each([
    ['node:fs', 'files of the host are out of reach'],
    ['fs/promises', 'files of the host are out of reach'],
    ['node:http', 'use ctx.http'],
    ['net', 'use ctx.http'],
    ['child_process', 'cannot start processes'],
    ['worker_threads', 'cannot start processes or threads'],
    ['process', 'use ctx.params'],
    ['events', 'npm package "events"'],
  ])('when it imports %s, and told what to do instead', async (name, advice) => {
    const { message } = await refusalOf(
      compileText({ 'w.js': `\nimport x from '${name}';\nexport function tick() {}` }),
    );
    expect(message).toMatch(new RegExp(`^w\\.js:2:15: node:\\S+ is not available in a worker; .*${advice}`));
  });

  test('when a file of an operator imports Node', async () => {
    const { message } = await refusalOf(compileFixture('broken/needs-node.js'));
    expect(message).toMatch(
      /^needs-node\.js:1:30: node:fs is not available in a worker; files of the host are out of reach/,
    );
  });

  test('when it requires Node by CommonJS', async () => {
    const { message } = await refusalOf(compileText({ 'w.js': "const fs = require('fs');\nexports.tick = () => fs;" }));
    expect(message).toMatch(/^w\.js:1:20: node:fs is not available/);
  });

  test('for top-level await', async () => {
    const { message } = await refusalOf(compileText({ 'w.js': 'const x = await 1;\nexport function tick() {}' }));
    expect(message).toBe('w.js:1:11: top-level await is not possible in a worker; await inside setup or tick');
  });

  test('for JSX, and for files that are no code', async () => {
    const jsx = await refusalOf(compileText({ 'w.js': 'export const tick = () => <a/>;' }));
    expect(jsx.message).toMatch(/^w\.js:1:27: JSX is not possible/);
    expect((await refusalOf(compileText({ 'w.tsx': '' }))).message).toMatch(/^w\.tsx:1:1: a worker is a \.py/);
    expect((await refusalOf(compileText({ 'w.d.ts': '' }))).message).toMatch(/^w\.d\.ts:1:1: a worker is a \.py/);
  });

  test('for a package that is not installed', async () => {
    const { message } = await fromDisk('pkg.js', "import x from 'no-such-package-here';\nexport const tick = () => x;");
    expect(message).toMatch(/^pkg\.js:1:15: cannot find the package "no-such-package-here"; install it/);
  });

  test('for a file that is missing, a folder, and a FIFO', async () => {
    await mkdir(join(folder, 'dir.js'));
    execFileSync('mkfifo', [join(folder, 'fifo.js')]);
    const messages = await Promise.all(
      ['gone.js', 'dir.js', 'fifo.js', 'no/such/folder.js'].map(
        async (name) => (await refusalOf(compileWorker({ kind: 'file', file: join(folder, name) }))).message,
      ),
    );
    expect(messages).toEqual([
      'gone.js:1:1: the file does not exist',
      'dir.js:1:1: this is a folder, not a file',
      'fifo.js:1:1: this is not a regular file',
      'folder.js:1:1: the file does not exist',
    ]);
  });

  test('for bytes that are no UTF-8, UTF-16 and NUL, with their place', async () => {
    expect((await fromDisk('latin.js', Buffer.from('// ok\n// \xe9', 'latin1'))).message).toMatch(
      /^latin\.js:2:4: the file is not valid UTF-8/,
    );
    expect((await fromDisk('utf16.py', Buffer.from('\ufeffdef tick', 'utf16le'))).message).toMatch(
      /^utf16\.py:1:1: .*UTF-16/,
    );
    expect((await fromDisk('nul.py', 'def tick(ctx):\n  \0')).message).toBe(
      'nul.py:2:3: the source holds a NUL character',
    );
    expect((await refusalOf(compileText({ 'w.js': 'a\0' }))).message).toBe(
      'w.js:1:2: the source holds a NUL character',
    );
  });

  test('for sources of 10 MB and 50 MB, in less than a second and without reading them', async () => {
    for (const size of [10 * MiB, 50 * MiB]) {
      const file = join(folder, 'large.js');
      await writeFile(file, '');
      await truncate(file, size);
      const started = performance.now();
      const { message } = await refusalOf(compileWorker({ kind: 'file', file }));
      expect(message).toBe(`large.js:1:1: the file is larger than ${SOURCE_BYTES_MAX} bytes`);
      expect(performance.now() - started).toBeLessThan(1_000);
    }
  });

  test('for files that are too large together', async () => {
    const text = `// ${'x'.repeat(SOURCE_BYTES_MAX / 2)}`;
    const given = { 'w.js': 'export const tick = () => 1;', 'a.js': text, 'b.js': text };
    expect((await refusalOf(compileText(given))).message).toMatch(/^b\.js:1:1: the worker's files are larger/);
    await writeFile(join(folder, 'a.js'), text);
    await writeFile(join(folder, 'b.js'), text);
    const { message } = await fromDisk('both.js', "import './a.js';\nimport './b.js';\nexport const tick = () => 1;");
    expect(message).toMatch(/^both\.js:\d:8: the worker's files are larger/);
  });
});

describe('hostile nesting', () => {
  const deep: readonly (readonly [string, string])[] = [
    ['(', `${'('.repeat(300_000)}`],
    ['[', '['.repeat(1_000_000)],
    ['[0,', '[0,'.repeat(250_000)],
    ['!', `${'!'.repeat(1_000_000)}1`],
    ['=>', `x = ${'a=>'.repeat(300_000)}1`],
    ['if', `${'if(x)'.repeat(200_000)}1`],
    ['?:', `${'a?b:'.repeat(250_000)}1`],
    ['.', `a${'.a'.repeat(500_000)}`],
    ['new', `${'new '.repeat(250_000)}X`],
    ['${', '`${'.repeat(300_000)],
    ['/*', '/*'.repeat(500_000)],
    ['"\\', '"\\'.repeat(500_000)],
  ];
  test.each(deep)('with a megabyte of %s is refused within 5 s, and the next worker compiles', async (_name, text) => {
    const started = performance.now();
    const { message } = await refusalOf(compileText({ 'w.ts': `export function tick() {}\n${text}` }));
    const reason = text.startsWith('/*') || text.startsWith('"') ? '' : 'the code is nested too deeply here';
    expect(message).toMatch(new RegExp(`^w\\.ts:\\d+:\\d+: ${reason}`));
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(exportsOf(await compileText({ 'w.js': 'export const tick = () => 3;' }))['tick']?.()).toBe(3);
  });

  test('is not seen in long but ordinary code', async () => {
    const lines = Array.from({ length: 5_000 }, (_, i) => `const a${i} = f(${i})\nlet t${i} = \`can't (\${a${i}}\``);
    const table = `const rows = [${Array.from({ length: 20_000 }, (_, i) => `{ id: ${i}, names: ["a", 'b'] }`).join(', ')}];`;
    const text = `const f = (x) => x\n${lines.join('\n')}\n${table}\nexport function tick() { return rows.length }`;
    expect(exportsOf(await compileText({ 'w.js': text }))['tick']?.()).toBe(20_000);
  });

  test('that crashes the compiler all the same is charged to its build, not to those beside it', async () => {
    const compile = (): Promise<unknown> => compileText({ 'w.js': 'export const tick = () => 3;' });
    const before = [compile(), compile()];
    const bad = withCompiler((compiler) => compiler.transform('!'.repeat(1_000_000)));
    const after = [compile(), compile(), compile()];
    await expect(bad).rejects.toThrow(CompilerLost);
    await Promise.all([...before, ...after, compile()]);
  });

  test('that keeps the compiler busy for too long is charged to its build as well', async () => {
    const never = withCompiler(() => new Promise(() => undefined), 100);
    const beside = compileText({ 'w.js': 'export const tick = () => 3;' });
    await expect(never).rejects.toThrow('compiling took longer than');
    await beside;
  });
});
