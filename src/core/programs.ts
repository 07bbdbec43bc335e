/** Programs of the system: where they are, and what they load. */
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

const LIST_TIMEOUT_MS = 5_000;

/** Absolute path of a program in the folders of `searchPath` (as in PATH). */
export function findProgram(name: string, searchPath: string): string | undefined {
  return searchPath
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return statSync(file).isFile();
      } catch {
        return false;
      }
    });
}

/**
 * Files that the loader maps before `program` runs, its own included. Empty where it does not tell: only that of the GNU C library
 * answers in this way, any other just runs the program, which therefore has to end by itself with `--version`.
 */
export function librariesOf(program: string): Promise<readonly string[]> {
  const options = { env: { LD_TRACE_LOADED_OBJECTS: '1' }, timeout: LIST_TIMEOUT_MS, maxBuffer: 1 << 20 };
  return new Promise((resolve) => {
    execFile(program, ['--version'], options, (error, stdout) => {
      const lines = error === null ? stdout.split('\n') : [];
      resolve(lines.flatMap((line) => /^\s+(?:\S+ => )?(\/.+) \(0x[0-9a-f]+\)$/.exec(line)?.[1] ?? []));
    });
  });
}
