/** How a cell is started. SECURITY: these flags are the wall behind isolated-vm; the cell refuses to run without them. */
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Backend } from '../../sandbox/protocol.ts';
import { RuntimeError } from '../core/errors.ts';
import { MODULE_ENDING } from '../core/module-ending.ts';
import { pinnedNodeBinary } from '../core/node-binary.ts';
import type { CellLaunch } from './cell-process.ts';

const here = dirname(fileURLToPath(import.meta.url));

/**
 * A thousand isolates each pay for what V8 keeps ready for speed. Without its two middle compilers a worker that has ticked for a
 * while takes 0.2 MiB less, and hot code still gets the last one; small young spaces take 0.1 MiB less and cost no time
 * (docs/performance.md). Python needs neither: there are few of it, and it is WebAssembly.
 */
const SMALL_ISOLATES = ['--min-semi-space-size=1', '--max-semi-space-size=1', '--no-sparkplug', '--no-maglev'];

/** With the paths that it lets the cell read: a jail shows it these and nothing else. */
export interface LockedLaunch extends CellLaunch {
  readonly reads: readonly string[];
}

/** `readable`: further files that this cell may read, such as the Python snapshot. */
export function cellLaunch(backend: Backend = 'isolate', readable: readonly string[] = []): LockedLaunch {
  const root = join(here, '..', '..');
  const isolatedVm = packageReads('isolated-vm', here);
  const reads = new Set([
    join(root, 'sandbox'),
    join(root, 'package.json'),
    ...isolatedVm.paths,
    ...packageReads('node-gyp-build', isolatedVm.real).paths,
    ...packageReads('pyodide', here).paths,
    '/etc/alpine-release',
    ...readable,
  ]);
  return {
    reads: [...reads],
    command: pinnedNodeBinary(),
    args: [
      '--no-node-snapshot',
      '--permission',
      '--allow-addons',
      '--disable-warning=PERM0001',
      '--disable-warning=ExperimentalWarning',
      // Small collections when a fifth of the young space is used: 0.85 MiB less in each worker that has ticked for a while.
      '--minor-gc-task-trigger=20',
      ...(backend === 'isolate' ? SMALL_ISOLATES : []),
      ...Array.from(reads, (path) => `--allow-fs-read=${path}`),
      join(root, 'sandbox', 'cell', `main${MODULE_ENDING}`),
    ],
  };
}

interface PackageReads {
  /** Its folder, links followed. */
  readonly real: string;
  readonly paths: readonly string[];
}

/**
 * What must be readable for a module in `from` to find and load a package. Node checks the name that it reads by: the one under
 * which the package is found and the real one, which differ where node_modules has links (pnpm). `require` also looks into
 * each nearer node_modules that exists, where a refusal would end the search.
 */
function packageReads(name: string, from: string): PackageReads {
  const candidates = createRequire(join(from, 'index.js')).resolve.paths(name) ?? [];
  const folders = candidates.map((path) => join(path, name));
  const at = folders.findIndex((folder) => existsSync(join(folder, 'package.json')));
  const found = folders[at];
  if (found === undefined) throw new RuntimeError('CELL_START_FAILED', `The package ${name} is missing; run npm ci.`);
  // Node's permissions follow no link there, and a cell that cannot find its packages dies without a word of use.
  if (realpathSync(dirname(found)) !== dirname(found))
    throw new RuntimeError(
      'CELL_START_FAILED',
      `${dirname(found)} is a link, which cells cannot follow: install the packages into a folder of that name.`,
    );
  const real = realpathSync(found);
  const nearer = folders.slice(0, at).filter((folder) => existsSync(dirname(folder)));
  return { real, paths: [...nearer.map((folder) => join(folder, 'package.json')), found, real] };
}
