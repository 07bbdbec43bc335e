/**
 * The files of a Python worker on disk. A folder worker (`worker.py`) owns its folder; a single file brings the modules
 * beside it that it imports, and those that they import.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SOURCE_BYTES_MAX } from '../core/limits.ts';
import { invalidAt } from './problems.ts';
import { readSource } from './read-source.ts';

const FILES_MAX = 500;
const DEPTH_MAX = 16;
const STATEMENT_CHARS_MAX = 1_000;
const FOLDER_WORKER = 'worker.py';
/** Folders that are no part of a program: caches, environments, packages of other languages. */
const SKIPPED = /^(?:\.|__pycache__$|node_modules$|site-packages$)/;

/** `root` is the real path of the worker's folder; the result has relative paths with `/`. */
export async function collectPython(root: string, entry: string, text: string): Promise<Map<string, string>> {
  const files = new Map([[entry, text]]);
  let bytes = Buffer.byteLength(text);

  const add = async (path: string): Promise<string | null> => {
    if (files.has(path)) return null;
    if (files.size >= FILES_MAX) throw invalidAt(path, 1, 1, `a worker has at most ${FILES_MAX} files`);
    const added = await readSource(join(root, path), path, [root], SOURCE_BYTES_MAX);
    bytes += Buffer.byteLength(added);
    if (bytes > SOURCE_BYTES_MAX)
      throw invalidAt(path, 1, 1, `the worker's files are larger than ${SOURCE_BYTES_MAX} bytes`);
    files.set(path, added);
    return added;
  };

  const addFolder = async (folder: string, depth: number): Promise<string[]> => {
    if (depth > DEPTH_MAX) return [];
    const texts: string[] = [];
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    if (entries.some((item) => item.name === 'pyvenv.cfg')) return [];
    for (const item of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder === '' ? item.name : `${folder}/${item.name}`;
      if (item.isDirectory() && !SKIPPED.test(item.name)) texts.push(...(await addFolder(path, depth + 1)));
      else if (item.name.endsWith('.py') && !item.isDirectory()) {
        const added = await add(path);
        if (added !== null) texts.push(added);
      }
    }
    return texts;
  };

  if (entry === FOLDER_WORKER) {
    await addFolder('', 0);
    return files;
  }
  const queue = [text];
  for (let code = queue.pop(); code !== undefined; code = queue.pop()) {
    for (const name of importedNames(code)) {
      const module = await isFile(root, `${name}.py`);
      const added = module ? await add(`${name}.py`) : null;
      if (added !== null) queue.push(added);
      if (!module && (await isFile(root, `${name}/__init__.py`))) queue.push(...(await addFolder(name, 1)));
    }
  }
  return files;
}

/** First parts of the modules that a text imports. Lines inside of strings may be taken for imports; that costs a look. */
export function importedNames(text: string): Set<string> {
  const names = new Set<string>();
  for (const statement of text.split(/[\n;]/)) {
    // `if x: import y` is a statement as well.
    const found = /(?:^|:)[ \t]*(import|from)[ \t]+([^#]+)/.exec(statement.slice(0, STATEMENT_CHARS_MAX));
    if (found === null) continue;
    const [, keyword, rest = ''] = found;
    for (const part of keyword === 'from' ? [rest] : rest.split(',')) {
      const name = /^\s*([\p{L}_][\p{L}\p{N}_]*)/u.exec(part)?.[1];
      if (name !== undefined) names.add(name);
    }
  }
  return names;
}

async function isFile(root: string, path: string): Promise<boolean> {
  try {
    return (await stat(join(root, path))).isFile();
  } catch {
    return false;
  }
}
