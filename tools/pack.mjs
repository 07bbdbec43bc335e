/**
 * Builds and packs: `npm run pack`, or `npm run pack -- --pack-destination <folder>`. A script of its own because .npmrc turns
 * hooks such as prepack off. Options are those of `npm pack`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

await import('./build.mjs');
const { status } = spawnSync('npm', ['pack', ...process.argv.slice(2)], {
  cwd: join(import.meta.dirname, '..'),
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
process.exitCode = status ?? 1;
