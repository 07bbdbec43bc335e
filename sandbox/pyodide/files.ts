/** What a Python cell reads from disk: the files of the pyodide package, once, before it holds any worker. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PYTHON_PRELUDE_FILES } from '../protocol.ts';

export interface PyodideFiles {
  readonly version: string;
  /** ES modules, as text that names itself. */
  readonly glue: string;
  readonly loader: string;
  /** Pyodide's lock file without its 357 packages: none of them is here, and parsing them costs memory in every sandbox. */
  readonly lock: string;
  readonly wasm: Uint8Array;
  /** In shared memory, so that all sandboxes of the cell read one copy. */
  readonly stdlib: Uint8Array<SharedArrayBuffer>;
}

/** The folder that the cell must be allowed to read. */
export function pyodideFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('pyodide/package.json'));
}

export function readPyodideFiles(folder = pyodideFolder()): PyodideFiles {
  const read = (name: string): Uint8Array => readFileSync(join(folder, name));
  // The two modules use import.meta.url only to name themselves.
  const readModule = (name: string): string =>
    readFileSync(join(folder, name), 'utf8').replaceAll('import.meta.url', JSON.stringify(`/${name}`));
  const zip = read('python_stdlib.zip');
  const stdlib = new Uint8Array(new SharedArrayBuffer(zip.length));
  stdlib.set(zip);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  const { info } = JSON.parse(readFileSync(join(folder, 'pyodide-lock.json'), 'utf8')) as { info: object };
  return {
    version: manifest.version,
    lock: JSON.stringify({ info, packages: {} }),
    glue: readModule('pyodide.asm.mjs'),
    loader: readModule('pyodide.mjs'),
    wasm: read('pyodide.asm.wasm'),
    stdlib,
  };
}

/** What becomes the module `tick_runtime`: several files, one namespace. */
export function readPythonPrelude(): string {
  return PYTHON_PRELUDE_FILES.map((name) =>
    readFileSync(fileURLToPath(new URL(`../guest/${name}`, import.meta.url)), 'utf8'),
  ).join('\n');
}
