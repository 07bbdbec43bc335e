/** Makes folders one by one: on some file systems (procfs) Node's own `recursive` goes round for ever. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** The folder and those above it that are missing; one that is there already is left as it is. @throws Error of the file system */
export function makeFolders(path: string, mode = 0o777): void {
  const missing: string[] = [];
  let folder = resolve(path);
  while (!isThere(folder) && folder !== dirname(folder)) {
    missing.push(folder);
    folder = dirname(folder);
  }
  for (const next of missing.reverse()) makeOne(next, mode);
  if (!isFolder(resolve(path))) throw new Error(`${path} is a file`);
}

function makeOne(folder: string, mode: number): void {
  try {
    mkdirSync(folder, { mode });
  } catch (thrown) {
    // Somebody else made it meanwhile.
    if (!isFolder(folder)) throw thrown;
  }
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;
const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
