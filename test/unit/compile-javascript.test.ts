import { runInThisContext } from 'node:vm';
import { afterAll, describe, expect, test } from 'vitest';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { compileFixture, compileText, exportsOf } from '../support/compile.ts';

afterAll(closeCompiler);

const state = { get: () => 7, set: () => undefined };

describe('a worker in JavaScript or TypeScript', () => {
  test('of several TypeScript files with enums, a namespace, JSON and text becomes one script', async () => {
    const worker = await compileFixture('workers/orders/worker.ts');
    const exports = exportsOf(worker);
    expect(worker).toMatchObject({ language: 'javascript', entry: 'worker.ts' });
    expect(Object.keys(exports).toSorted()).toEqual(['setup', 'tick']);
    await expect(exports['tick']?.({})).resolves.toBe('Low/3/from a text file');
    exports['setup']?.({});
    await expect(exports['tick']?.({})).resolves.toBe('High/3/from a text file');
  });

  test('brings an npm package that needs no Node', async () => {
    const exports = exportsOf(await compileFixture('workers/packages/addresses.js'));
    expect(exports['tick']?.({ params: '2001:db8::1' })).toBe('ipv6');
  });

  test('with plain functions and no exports offers those functions', async () => {
    const worker = await compileText({
      'w.js':
        'let n = 0;\nfunction setup(ctx) {}\nfunction tick(ctx) { return ++n + ctx.state.get("n"); }\nfunction on_error(ctx, e) {}\nfunction other() {}',
    });
    const exports = exportsOf(worker);
    expect(Object.keys(exports)).toEqual(['setup', 'tick', 'on_error']);
    expect([exports['tick']?.({ state }), exports['tick']?.({ state })]).toEqual([8, 9]);
  });

  test('with plain functions in arrow form and an import still offers them', async () => {
    const worker = await compileText({
      'w.ts': "import { one } from './one';\nconst tick = async (): Promise<number> => one;\nconst onError = () => {};",
      'one.ts': 'export const one: number = 1;',
    });
    expect(Object.keys(exportsOf(worker))).toEqual(['tick', 'onError']);
  });

  test.each([
    ['module.exports = { … }', 'module.exports = { tick() { return 5; } };'],
    ['exports.tick', 'exports.tick = () => 5;'],
    ['exports = module.exports = { … }', 'exports = module.exports = { tick: () => 5 };'],
    ['module.exports = function', 'module.exports = function () { return 5; };'],
    ['a re-export', "export { five as tick } from './lib.js';"],
    ['export *', "export * from './all.js';"],
    ['export default { … }', 'export default { tick() { return 5; } };'],
    ['export default function', 'export default function tick() { return 5; }'],
    ['export default of a variable', 'const worker = { tick: () => 5 };\nexport default worker;'],
    ['export const', 'export const tick = () => 5;'],
  ])('may offer tick as %s', async (_form, text) => {
    const lib = 'export function five() { return 5; }';
    const worker = await compileText({ 'w.js': text, 'lib.js': lib, 'all.js': 'export const tick = () => 5;' });
    expect(exportsOf(worker)['tick']?.({})).toBe(5);
  });

  test('that exports an object keeps its this, private fields and all', async () => {
    const text =
      'class Worker { #n = 1; setup() { this.#n = 5; } tick() { return ++this.#n; } }\nexport default new Worker();';
    const { setup, tick } = exportsOf(await compileText({ 'w.js': text }));
    setup?.();
    expect(tick?.()).toBe(6);
  });

  test('may offer some functions by name and others by default', async () => {
    const exports = exportsOf(
      await compileText({ 'w.js': 'export default { tick: () => 1 };\nexport function setup() {}' }),
    );
    expect(Object.keys(exports)).toEqual(['setup', 'tick']);
  });

  test('is strict where all its modules are ES modules, and sloppy where one is CommonJS', async () => {
    const strict = exportsOf(await compileText({ 'w.js': 'export function tick() { return this === undefined; }' }));
    const sloppy = exportsOf(
      await compileText({ 'w.js': 'module.exports.tick = function () { undeclared = 1; return 2; };' }),
    );
    expect([Reflect.apply(strict['tick'] ?? String, undefined, []), sloppy['tick']?.()]).toEqual([true, 2]);
  });

  test('leaves no global behind', async () => {
    const { code = '' } = await compileText({ 'w.js': 'export function tick() {}' });
    const before = Object.getOwnPropertyNames(globalThis);
    expect(Object.keys(runInThisContext(code) as object)).toEqual(['tick']);
    expect(Object.getOwnPropertyNames(globalThis)).toEqual(before);
  });

  test('keeps the names of its functions', async () => {
    const worker = await compileText({
      'w.js': "import { name } from './a.js';\nfunction same() {}\nexport const tick = () => [name, same.name];",
      'a.js': 'function same() {}\nexport const name = same.name;',
    });
    expect(exportsOf(worker)['tick']?.()).toEqual(['same', 'same']);
  });

  test('that starts with a byte order mark compiles', async () => {
    expect(Object.keys(exportsOf(await compileText({ 'w.js': '\ufeffexport function tick() {}' })))).toEqual(['tick']);
  });
});

describe('the version of a worker', () => {
  const files = { 'w.js': "import './a.js';\nexport function tick() {}", 'a.js': 'globalThis.a = 1;' };

  test('is 12 hex digits and the same for the same files in any order', async () => {
    const first = await compileText(files);
    const list = Object.entries(files).map(([path, text]) => ({ path, text }));
    const { compileWorker } = await import('../../src/workers/compile.ts');
    const second = await compileWorker({ kind: 'files', entry: 'w.js', files: list.toReversed() });
    expect(first.version).toMatch(/^[0-9a-f]{12}$/);
    expect(second.version).toBe(first.version);
  });

  test('changes with any file', async () => {
    const first = await compileText(files);
    expect((await compileText({ ...files, 'a.js': 'globalThis.a = 2;' })).version).not.toBe(first.version);
  });
});
