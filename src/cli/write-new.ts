/** Writes files that must not exist yet: all of them or none. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { displayPath } from '../config/load.ts';
import { RuntimeError } from '../core/errors.ts';

/** Relative path → text. Rejects with CONFIG_INVALID and writes nothing when one of them exists. */
export function writeNewFiles(folder: string, files: ReadonlyMap<string, string>): void {
  const root = resolve(folder);
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
  for (const [path, text] of files) {
    const file = resolve(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { flag });
  }
}
