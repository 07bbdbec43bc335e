/**
 * Builds and packs: `npm run pack`, or `npm run pack -- --pack-destination <folder>`; options are those of `npm pack`. A
 * script of its own because .npmrc turns hooks such as prepack off. It packs a copy with a build of its own: whatever
 * dist/ is in the clone takes no part.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from './build.mjs';

const ROOT = join(import.meta.dirname, '..');
/** npm packs them without being asked. */
const ALWAYS = ['package.json', 'README.md', 'LICENSE'];

/** The data of examples that were started here is large, and nobody else's business. */
const filter = (path) => !basename(path).startsWith('.');

const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const copy = mkdtempSync(join(tmpdir(), 'tick-runtime-pack-'));
try {
  for (const name of [...ALWAYS, ...files.filter((entry) => entry !== 'dist' && !entry.startsWith('!'))])
    if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(copy, name), { recursive: true, filter });
  await build(join(copy, 'dist'));
  const { status } = spawnSync('npm', ['pack', copy, ...process.argv.slice(2)], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
