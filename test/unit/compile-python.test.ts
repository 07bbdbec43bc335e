import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileWorker } from '../../src/workers/compile.ts';
import { importedNames } from '../../src/workers/python-files.ts';
import { compileFixture, compileText, refusalOf } from '../support/compile.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'python-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a worker in Python', () => {
  test('in a folder of its own brings the whole folder', async () => {
    const worker = await compileFixture('workers/folder-python/worker.py');
    expect(worker).toMatchObject({ language: 'python', entry: 'worker.py', setupBindsGlobals: false });
    expect(worker.code).toBeUndefined();
    expect(Object.keys(worker.files ?? {})).toEqual(['worker.py', 'lib/__init__.py', 'lib/prices.py']);
  });

  test('beside others brings what it imports, and what that imports, and nothing else', async () => {
    const { files = {} } = await compileFixture('workers/beside/watch.py');
    expect(Object.keys(files).toSorted()).toEqual([
      'further.py',
      'near.py',
      'pack/__init__.py',
      'pack/inner.py',
      'watch.py',
    ]);
  });

  test('without any tick is refused, even where strings and comments name one', async () => {
    const { message } = await refusalOf(compileFixture('broken/no_tick.py'));
    expect(message).toBe('no_tick.py:1:1: the worker has no function "tick"; add one: def tick(ctx): …');
  });

  test.each([
    ['a plain function', 'def tick(ctx):\n    pass'],
    ['an async function', 'async def tick(ctx):\n    pass'],
    ['a conditional one', 'if True:\n    def tick(ctx):\n        pass'],
    ['an assignment', 'tick = lambda ctx: None'],
    ['an import', 'from other import tick'],
    ['a star import', 'from other import *'],
    ['an alias', 'from other import run as tick'],
    ['globals()', 'globals()["ti" + "ck"] = print'],
    ['exec', 'exec("def ti" "ck(ctx): pass")'],
    ['letters that Python folds', 'def 𝐭𝐢𝐜𝐤(ctx):\n    pass'],
    ['a line after a docstring with a quote', '"""it\'s"""\ndef tick(ctx): pass'],
  ])('with %s is left to the interpreter', async (_what, text) => {
    expect((await compileText({ 'w.py': text })).language).toBe('python');
  });

  test('handed in by a platform keeps its Python files only', async () => {
    const worker = await compileText({ 'w.py': 'def tick(ctx): pass', 'lib/a.py': 'x = 1', 'README.md': '# hi' });
    expect(worker.files).toEqual({ 'w.py': 'def tick(ctx): pass', 'lib/a.py': 'x = 1' });
  });

  test('imports no module through a link that leads out', async () => {
    await writeFile(join(folder, 'target.py'), 'x = 1');
    const { mkdir } = await import('node:fs/promises');
    await mkdir(join(folder, 'w'));
    await writeFile(join(folder, 'w', 'main.py'), 'import linked\ndef tick(ctx): pass');
    await symlink(join(folder, 'target.py'), join(folder, 'w', 'linked.py'));
    const { message } = await refusalOf(compileWorker({ kind: 'file', file: join(folder, 'w', 'main.py') }));
    expect(message).toBe("linked.py:1:1: the file is a link out of the worker's folder");
  });

  test('shows its tracebacks as they are, bounded and without control characters', async () => {
    const { mapStack } = await compileText({ 'w.py': 'def tick(ctx): pass' });
    const traceback = 'Traceback (most recent call last):\n  File "w.py", line 3, in tick\nValueError: no';
    expect(mapStack(traceback)).toBe(traceback);
    expect(mapStack('a\u001b[31mred\u0007')).toBe('a\ufffd[31mred\ufffd');
    expect(mapStack('x\n'.repeat(100_000)).length).toBeLessThan(17_000);
  });
});

describe('the imports of a Python text', () => {
  test('are found in every form that a line can have', () => {
    const text =
      'import a, b.c as d\nfrom e.f import g\nfrom . import rel\nif x: import h\ntry:\n    import i; import j\n# import no';
    expect([...importedNames(text)].toSorted()).toEqual(['a', 'b', 'e', 'h', 'i', 'j']);
  });
});
