/** Starts fake-cell.ts in a cell's place, for the first cells only where a test wants real ones after them. */
import { fileURLToPath } from 'node:url';
import { PROTOCOL_VERSION } from '../../sandbox/protocol.ts';
import { pinnedNodeBinary } from '../../src/core/node-binary.ts';
import { CellPool, type CellPoolOptions } from '../../src/supervisor/cell-pool.ts';
import type { CellLaunch } from '../../src/supervisor/cell-process.ts';
import { createGuestSupply } from '../../src/supervisor/guest-supply.ts';
import type { Step } from './fake-cell.ts';
import { folderWith } from './folder.ts';

const FAKE = fileURLToPath(new URL('fake-cell.ts', import.meta.url));
const MIB = 1_048_576;

export const frame = (json: string): Step => ({ kind: 'frame', json });
const ADDRESS = '"sandbox":"$sandbox","incarnation":"$incarnation"';
export const HELLO = frame(`[{"kind":"hello","protocol":${PROTOCOL_VERSION},"pid":1,"node":"v26"}]`);
/** Up to the moment when a worker is sent to the cell. */
export const UNTIL_LOAD: readonly Step[] = [
  { kind: 'read', until: 'init' },
  HELLO,
  frame('[{"kind":"ready","rssBytes":1}]'),
  { kind: 'read', until: 'load' },
];
export const LOADED = frame(
  `[{"kind":"loaded",${ADDRESS},"report":{"functions":["tick"],"setupBindsGlobals":false,"durationMs":1}}]`,
);
/** Up to the moment when its first run has been read. */
export const UNTIL_RUN: readonly Step[] = [...UNTIL_LOAD, LOADED, { kind: 'read', until: 'run' }];
export const STARTED = frame(`[{"kind":"started",${ADDRESS},"forMs":0}]`);

export function fakeLaunch(steps: readonly Step[]): CellLaunch {
  return { command: pinnedNodeBinary(), args: [FAKE, JSON.stringify(steps)] };
}

export interface PoolUnderTest {
  readonly pool: CellPool;
  /** Why cells were lost, in order. */
  readonly lost: readonly string[];
}

/** The first cells do as the lists say, every later one is real. */
export async function createFakedPool(
  fakes: readonly (readonly Step[])[],
  options: Partial<CellPoolOptions> = {},
): Promise<PoolUnderTest> {
  const supply = await createGuestSupply({ cacheDir: folderWith(), log: () => undefined });
  const lost: string[] = [];
  let started = 0;
  const pool = new CellPool(
    {
      ...supply,
      launch: (backend) => {
        const steps = fakes[started++];
        return steps === undefined ? supply.launch(backend) : fakeLaunch(steps);
      },
      cellsMax: 8,
      workersPerCell: { isolate: 10, pyodide: 10 },
      growthBytes: 512 * MIB,
      recycle: { ageMs: 3_600_000, runs: 1e9 },
      onEvent: ({ event, reason }) => {
        if (event === 'lost') lost.push(reason ?? '');
      },
      ...options,
    },
    4,
  );
  return { pool, lost };
}
