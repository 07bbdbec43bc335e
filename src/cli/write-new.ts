/** Writes files that must not exist yet: all of them or none. */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { displayPath } from '../config/load.ts';
import { RuntimeError } from '../core/errors.ts';
import { makeFolders } from '../core/folders.ts';

/** Relative path → text. Rejects with CONFIG_INVALID and writes nothing when one of them exists. */
export function writeNewFiles(folder: string, files: ReadonlyMap<string, string>): void {
  const root = resolve(folder);
  refuseFile(root);
  const taken = [...files.keys()].filter((path) => existsSync(join(root, path)));
  if (taken.length > 0) {
    const where = displayPath(root) === root ? root : `./${displayPath(root)}`;
    throw new RuntimeError(
      'CONFIG_INVALID',
      `${where} has ${taken.join(', ')} already; nothing was written, name another folder`,
    );
  }
  writeFiles(root, files, 'wx');
}

/** Relative path → text; what exists is replaced. */
export function writeFiles(root: string, files: ReadonlyMap<string, string>, flag: 'w' | 'wx' = 'w'): void {
  refuseFile(root);
  for (const [path, text] of files) {
    const file = resolve(root, path);
    try {
      makeFolders(dirname(file));
      writeFileSync(file, text, { flag });
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw new RuntimeError('CONFIG_INVALID', `${displayPath(file)} cannot be written (${reason})`, { cause: thrown });
    }
  }
}

function refuseFile(folder: string): void {
  const path = resolve(folder);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === false)
    throw new RuntimeError('CONFIG_INVALID', `${displayPath(path)} is a file; name a folder`);
}
