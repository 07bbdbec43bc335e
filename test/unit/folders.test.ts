import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolders } from '../../src/core/folders.ts';
import { openEmbeddedStores } from '../../src/store/embedded/open.ts';
import { folderWith } from '../support/folder.ts';

test('folders that are missing are made with their mode, others are left', () => {
  const root = folderWith({ 'a/file': '' });
  makeFolders(join(root, 'a/b/c'), 0o700);
  makeFolders(join(root, 'a/b/c'));
  expect(readdirSync(join(root, 'a')).sort()).toEqual(['b', 'file']);
  expect(statSync(join(root, 'a/b/c')).mode & 0o777).toBe(0o700);
  for (const path of ['a/file', 'a/file/deeper']) expect(() => makeFolders(join(root, path))).toThrow();
});

// There Node's own way to make parents goes round for ever.
test.runIf(process.platform === 'linux')('a data folder on procfs is refused', async () => {
  const opened = openEmbeddedStores({ dataDir: '/proc/none/of/it', log: () => undefined });
  await expect(opened).rejects.toMatchObject({ code: 'DATA_UNUSABLE' });
});
