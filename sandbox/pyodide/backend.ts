/** Python for a cell: guests with an interpreter inside, and the making of the snapshot that they boot from. */
import { readFileSync } from 'node:fs';
import type { CellBackend } from '../cell/backend.ts';
import { GuestIsolate } from '../isolate/guest-isolate.ts';
import { ivm } from '../isolate/ivm.ts';
import type { FromCell, ToCell } from '../protocol.ts';
import { PythonImage } from './boot.ts';
import { readPyodideFiles, readPythonPrelude } from './files.ts';

type Init = Extract<ToCell, { kind: 'init' }>;

const MIB = 1_048_576;
/** JavaScript beside the interpreter: about 20 MiB of Pyodide, the worker's state, and room for large answers. */
const JAVASCRIPT_BYTES = 128 * MIB;
const SNAPSHOT_CHUNK_BYTES = 3 * MIB;

function openImage(init: Init, snapshot: Uint8Array | null): PythonImage {
  if (init.pythonScript === undefined) throw new Error('A Python cell needs the bundled python.guest.ts.');
  return new PythonImage({
    ivm,
    files: readPyodideFiles(),
    script: init.pythonScript,
    prelude: readPythonPrelude(),
    snapshot,
  });
}

export async function createPythonBackend(init: Init): Promise<CellBackend> {
  const image = openImage(init, init.snapshotFile === undefined ? null : readFileSync(init.snapshotFile));
  return {
    loadsAtOnce: 1,
    async createGuest(spec, listener) {
      const guest = await GuestIsolate.create({
        memoryBytes: JAVASCRIPT_BYTES,
        prelude: init.prelude,
        harden: false,
        ...listener,
      });
      try {
        const driver = await image.boot(guest.isolate, guest.context, spec.limits.memoryBytes);
        const useDriver = await guest.api.get('useDriver', { reference: true });
        await useDriver.apply(undefined, [driver.derefInto({ release: true })]);
        useDriver.release();
        return guest;
      } catch (error) {
        guest.dispose();
        throw error;
      }
    },
  };
}

/** Runs in a cell of its own that never sees user code; the pieces go out as `snapshot` messages. */
export async function makeSnapshot(init: Init, write: (messages: readonly FromCell[]) => void): Promise<void> {
  const isolate = new ivm.Isolate({ memoryLimit: 512 });
  const bytes = await openImage(init, null).makeSnapshot(isolate, await isolate.createContext());
  isolate.dispose();
  for (let from = 0; from < bytes.length; from += SNAPSHOT_CHUNK_BYTES) {
    const piece = bytes.subarray(from, from + SNAPSHOT_CHUNK_BYTES);
    write([
      {
        kind: 'snapshot',
        base64: Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('base64'),
        last: from + SNAPSHOT_CHUNK_BYTES >= bytes.length,
      },
    ]);
  }
}
