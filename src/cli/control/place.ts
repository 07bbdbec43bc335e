/**
 * Where the control socket of a data folder is: `control.sock` in it. A path of a socket holds some hundred bytes only; of a folder
 * that is deeper, the socket lies in a new folder below that for temporary files, and `control.json` says where.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** 104 with the ending zero on macOS, 108 on Linux. */
const PATH_BYTES_MAX = 100;
const RECORD = 'control.json';
const FOLDER = 'tick-control-';

export interface ControlPlace {
  readonly path: string;
  /** Removes what making it has left, but for the socket itself. */
  remove(): void;
}

/** For the node that has the data folder: what an earlier one left is removed. */
export function makePlace(dataDir: string): ControlPlace {
  clearPlace(dataDir);
  const own = join(dataDir, 'control.sock');
  if (Buffer.byteLength(own) <= PATH_BYTES_MAX) return { path: own, remove: () => undefined };
  // Readable for this user alone.
  const folder = mkdtempSync(join(tmpdir(), FOLDER));
  const path = join(folder, 'control.sock');
  writeFileSync(join(dataDir, RECORD), `${JSON.stringify({ path })}\n`, { mode: 0o600 });
  return {
    path,
    remove: () => {
      rmSync(join(dataDir, RECORD), { force: true });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Where a node with this data folder would listen. */
export function findPlace(dataDir: string): string {
  try {
    const record: unknown = JSON.parse(readFileSync(join(dataDir, RECORD), 'utf8'));
    if (typeof record === 'object' && record !== null && 'path' in record && typeof record.path === 'string')
      return record.path;
  } catch {
    // The ordinary case: it lies in the folder itself.
  }
  return join(dataDir, 'control.sock');
}

function clearPlace(dataDir: string): void {
  const path = findPlace(dataDir);
  rmSync(join(dataDir, 'control.sock'), { force: true });
  rmSync(join(dataDir, RECORD), { force: true });
  // Only a folder that was made here, whatever the record says.
  const folder = dirname(path);
  if (dirname(folder) === tmpdir() && basename(folder).startsWith(FOLDER))
    rmSync(folder, { recursive: true, force: true });
}
