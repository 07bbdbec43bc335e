/** Which files are workers: a file by its ending, or a folder that holds `worker.<ending>`. */
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';

const ENDINGS: readonly string[] = ['.py', '.js', '.mjs', '.ts'];
export const ENDINGS_HELP = '.py, .js, .mjs or .ts';

/** `ctx.d.ts` and `ctx.pyi` lie beside the workers, and `_shared.py` is a module of theirs. */
const isIgnored = (name: string) => name.startsWith('_') || name.startsWith('.') || name.endsWith('.d.ts');

export type FoundFile = { readonly file: string } | { readonly error: string };

/** The worker file behind a configured path; a path's folder is searched for `worker.<ending>`. */
export function findWorkerFile(path: string): FoundFile {
  const kind = kindOf(path);
  if (kind === 'file') {
    if (ENDINGS.includes(extname(path)) && !path.endsWith('.d.ts')) return { file: path };
    return { error: `a worker is a ${ENDINGS_HELP} file` };
  }
  if (kind === 'folder') {
    const file = folderEntry(path);
    return file === undefined
      ? { error: `the folder has no worker file (worker${ENDINGS.join(', worker')})` }
      : { file };
  }
  return { error: 'there is no such file; its path is relative to this file' };
}

/** Every worker file directly in a folder, sorted by name; undefined when the folder cannot be read. */
export function listWorkerFiles(folder: string): string[] | undefined {
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch {
    return undefined;
  }
  const files: string[] = [];
  for (const name of names) {
    if (isIgnored(name)) continue;
    const path = join(folder, name);
    const kind = kindOf(path);
    const file =
      kind === 'folder' ? folderEntry(path) : kind === 'file' && ENDINGS.includes(extname(name)) ? path : undefined;
    if (file !== undefined) files.push(file);
  }
  return files;
}

/** `price_alert.py` → `price-alert`, `bot/worker.ts` → `bot`. */
export function workerNameOf(file: string): string {
  const stem = basename(file, extname(file));
  const name = stem === 'worker' ? basename(dirname(file)) : stem;
  const clean = name.replaceAll(/[^a-zA-Z0-9.]+/g, '-').replaceAll(/^[-.]+|-+$/g, '');
  return clean.slice(0, 63) || 'worker';
}

function folderEntry(folder: string): string | undefined {
  return ENDINGS.map((ending) => join(folder, `worker${ending}`)).find((file) => kindOf(file) === 'file');
}

function kindOf(path: string): 'file' | 'folder' | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) return 'folder';
  return stats?.isFile() === true ? 'file' : undefined;
}
