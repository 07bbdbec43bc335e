/** What a cell is started with: its launch, its first message, and for Python the memory snapshot that is made once. */
import type { Backend, LogLevel, ToCell } from '../../sandbox/protocol.ts';
import { PROTOCOL_VERSION } from '../../sandbox/protocol.ts';
import { bundleGuest } from '../workers/guest-code.ts';
import { cellLaunch } from './cell-launch.ts';
import type { CellPoolOptions } from './cell-pool.ts';
import { processWall, type Wall } from './jail-commands.ts';
import { providePythonSnapshot } from './python-snapshot.ts';

export interface GuestSupplyOptions {
  /** Snapshots are kept here; they hold no user data and may be deleted at any time. */
  readonly cacheDir: string;
  readonly log: (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;
  /** What cells are started behind; no cell starts before it is known. Default: nothing. */
  readonly wall?: Promise<Wall>;
}

export async function createGuestSupply(
  options: GuestSupplyOptions,
): Promise<Pick<CellPoolOptions, 'launch' | 'init' | 'prepare'>> {
  const code = await bundleGuest();
  let snapshot: Promise<string> | null = null;
  let snapshotFile = '';
  let wall = processWall([]);
  const firstMessage = (backend: Backend, slots: number): Extract<ToCell, { kind: 'init' }> => ({
    kind: 'init',
    protocol: PROTOCOL_VERSION,
    backend,
    prelude: code.prelude,
    ...(backend === 'pyodide' ? { pythonScript: code.python } : {}),
    slots,
  });
  return {
    launch: (backend) => wall.wrap(cellLaunch(backend, backend === 'pyodide' ? [snapshotFile] : [])),
    init: (backend, slots) => ({ ...firstMessage(backend, slots), ...(backend === 'pyodide' ? { snapshotFile } : {}) }),
    async prepare(backend) {
      if (options.wall !== undefined) wall = await options.wall;
      if (backend !== 'pyodide') return;
      snapshot ??= providePythonSnapshot({
        ...options,
        inputs: [code.python, code.pythonPrelude],
        launch: wall.wrap(cellLaunch('pyodide')),
        init: { ...firstMessage('pyodide', 1), makeSnapshot: true },
      });
      try {
        snapshotFile = await snapshot;
      } catch (error) {
        // The next worker that needs it tries again.
        snapshot = null;
        throw error;
      }
    },
  };
}
