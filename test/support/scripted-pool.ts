/**
 * Cells without processes, for tests of what the node does by itself: every worker loads at once, and each run ends as the
 * test says. No code of a worker is ever executed.
 */
import { CellPool, type PlaceRequest, type SandboxHandle } from '../../src/supervisor/cell-pool.ts';
import type { SandboxListener } from '../../src/supervisor/cell-seats.ts';

/** Ends the run that was begun, well. Called later, or never. */
export type ScriptedRun = (end: () => void) => void;

export class ScriptedPool extends CellPool {
  /** What a run does; by default it ends at once. */
  onRun: ScriptedRun = (end) => end();
  #last = 0;

  constructor() {
    super(
      {
        launch: () => ({ command: '', args: [] }),
        init: () => ({ kind: 'slots', count: 1 }),
        prepare: async () => undefined,
        cellsMax: 0,
        workersPerCell: { isolate: 1, pyodide: 1 },
        growthBytes: 0,
        recycle: { ageMs: 3_600_000, runs: 1e9 },
        onEvent: () => undefined,
      },
      1,
    );
  }

  override async place(_request: PlaceRequest, listener: SandboxListener): Promise<SandboxHandle> {
    const address = { sandbox: ++this.#last, incarnation: this.#last };
    let gone = false;
    const say = (message: Parameters<SandboxListener['onMessage']>[0]): void => {
      setImmediate(() => {
        if (!gone) listener.onMessage(message);
      });
    };
    say({ kind: 'loaded', ...address, report: { functions: ['tick'], setupBindsGlobals: false, durationMs: 0 } });
    return {
      cellPid: 0,
      cellMessages: 0,
      isInside: () => false,
      send: (order) => {
        if (order.kind !== 'run') return;
        say({ kind: 'started', ...address, forMs: 0 });
        const { run } = order;
        this.onRun(() => {
          say({
            kind: 'ended',
            ...address,
            run,
            outcome: 'ok',
            waitedMs: 0,
            durationMs: 0,
            insideMs: 0,
            cpuMs: 0,
            intact: true,
          });
        });
      },
      unload: () => {
        gone = true;
      },
      killCell: (reason) => {
        gone = true;
        listener.onLost({ reason, suspect: true, culprit: false, cause: 'timeout', killed: false });
      },
    };
  }
}
