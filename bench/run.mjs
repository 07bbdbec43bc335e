/** Runs every bench, or those whose name contains the argument: `npm run bench -- ticks`. Results go to bench/results/. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const wanted = process.argv[2] ?? '';
const files = readdirSync(here).filter((name) => name.endsWith('.bench.ts') && name.includes(wanted));
let failed = 0;
for (const file of files) {
  console.log(`\n== ${file}`);
  const { status } = spawnSync('node', [join(here, file)], { stdio: 'inherit' });
  if (status !== 0) failed += 1;
}
if (files.length === 0) console.error(`no bench is named like "${wanted}"`);
process.exitCode = failed > 0 || files.length === 0 ? 1 : 0;
