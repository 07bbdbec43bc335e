import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { bundleGuest, bundleGuestFile } from '../../src/workers/guest-code.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'guest-'));
});
afterAll(async () => {
  await closeCompiler();
  await rm(folder, { recursive: true });
});

describe('code of the guest', () => {
  test('becomes a script whose completion value is the named function, and no global', async () => {
    await writeFile(join(folder, 'part.ts'), 'export const two: number = 2;');
    await writeFile(
      join(folder, 'x.guest.ts'),
      "import { two } from './part.ts';\nexport function create() { return two; }",
    );
    const context = createContext({});
    const create = runInContext(await bundleGuestFile(join(folder, 'x.guest.ts'), 'create'), context) as () => number;
    expect(create()).toBe(2);
    expect(Object.keys(context)).toEqual([]);
  });

  test('that lacks its export, or needs Node, is an error of ours', async () => {
    await writeFile(join(folder, 'y.guest.ts'), "import 'node:fs';\nexport function other() {}");
    await writeFile(join(folder, 'z.guest.ts'), 'export function other() {}');
    await expect(bundleGuestFile(join(folder, 'y.guest.ts'), 'other')).rejects.toThrow('node:fs');
    await expect(bundleGuestFile(join(folder, 'z.guest.ts'), 'create')).rejects.toThrow('does not export create');
  });

  test('of this package is complete', async () => {
    const code = await bundleGuest();
    for (const script of [code.prelude, code.python])
      expect(typeof runInContext(script, createContext({}))).toBe('function');
    expect(code.pythonPrelude).toMatch(/^(def|class|async def) /m);
  });
});
