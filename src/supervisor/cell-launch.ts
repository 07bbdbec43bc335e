/** How a cell is started. SECURITY: these flags are the wall behind isolated-vm; the cell refuses to run without them. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MODULE_ENDING } from '../core/module-ending.ts';
import { pinnedNodeBinary } from '../core/node-binary.ts';
import type { CellLaunch } from './cell-process.ts';

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));

/** `readable`: further files that this cell may read, such as the Python snapshot. */
export function cellLaunch(readable: readonly string[] = []): CellLaunch {
  const root = join(here, '..', '..');
  const folder = (name: string, file = 'package.json'): string => dirname(require.resolve(`${name}/${file}`));
  const reads = [
    join(root, 'sandbox'),
    join(root, 'package.json'),
    folder('isolated-vm'),
    folder('node-gyp-build'),
    folder('pyodide'),
    '/etc/alpine-release',
    ...readable,
  ];
  return {
    command: pinnedNodeBinary(),
    args: [
      '--no-node-snapshot',
      '--permission',
      '--allow-addons',
      '--disable-warning=PERM0001',
      '--disable-warning=ExperimentalWarning',
      ...reads.map((path) => `--allow-fs-read=${path}`),
      join(root, 'sandbox', 'cell', `main${MODULE_ENDING}`),
    ],
  };
}
