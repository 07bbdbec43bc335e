/**
 * The memory snapshot that Python workers boot from in a fraction of a second. It is made in a throwaway cell that never
 * sees user code, and kept with its hash under a name that names everything it was made from.
 */
import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { FromCell, ToCell } from '../../sandbox/protocol.ts';
import { RuntimeError } from '../core/errors.ts';
import { makeFolders } from '../core/folders.ts';
import { MiB } from '../core/limits.ts';
import { type CellLaunch, CellProcess } from './cell-process.ts';
import type { GuestSupplyOptions } from './guest-supply.ts';

export interface SnapshotOptions extends GuestSupplyOptions {
  /** Texts of our own that are inside the snapshot. */
  readonly inputs: readonly string[];
  readonly launch: CellLaunch;
  readonly init: ToCell;
}

const MAKE_TIMEOUT_MS = 60_000;
const SNAPSHOT_BYTES_MAX = 256 * MiB;

/** Path of a snapshot that was checked. @throws RuntimeError CELL_START_FAILED */
export async function providePythonSnapshot(options: SnapshotOptions): Promise<string> {
  const { version } = createRequire(import.meta.url)('pyodide/package.json') as { version: string };
  const key = hashOf([version, process.versions.v8, process.arch, ...options.inputs]).slice(0, 16);
  const file = join(options.cacheDir, `python-${version}-${key}.snapshot`);
  if (await isWhole(file)) return file;
  options.log('info', 'making the Python memory snapshot; this happens once');
  const bytes = await make(options);
  makeFolders(options.cacheDir, 0o700);
  await writeFile(`${file}.sha256`, hashOf([bytes]), { mode: 0o600 });
  // Renamed when whole: a start that is killed here leaves nothing that looks like a snapshot.
  await writeFile(`${file}.part`, bytes, { mode: 0o600 });
  await rename(`${file}.part`, file);
  return file;
}

async function isWhole(file: string): Promise<boolean> {
  try {
    const [bytes, hash] = await Promise.all([readFile(file), readFile(`${file}.sha256`, 'utf8')]);
    return hashOf([bytes]) === hash;
  } catch {
    return false;
  }
}

function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

function make(options: SnapshotOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    let whole = false;
    const cell = new CellProcess(options.launch, {
      onMessage(message: FromCell) {
        if (message.kind === 'fatal') return cell.kill(message.message);
        if (message.kind !== 'snapshot') return;
        const piece = Buffer.from(message.base64, 'base64');
        bytes += piece.length;
        if (bytes > SNAPSHOT_BYTES_MAX) return cell.kill('its snapshot is too large');
        pieces.push(piece);
        whole = message.last;
        if (whole) cell.kill('the snapshot is made');
      },
      onClosed(reason) {
        clearTimeout(timer);
        if (whole) resolve(Buffer.concat(pieces));
        else reject(new RuntimeError('CELL_START_FAILED', `The Python snapshot could not be made: ${reason}.`));
      },
    });
    const timer = setTimeout(() => cell.kill(`it took longer than ${MAKE_TIMEOUT_MS / 1_000} s`), MAKE_TIMEOUT_MS);
    cell.send(options.init);
  });
}
