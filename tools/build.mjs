/**
 * The package as JavaScript, for use below node_modules, where Node runs no TypeScript. Its folders are those of the sources, with
 * a package.json of their own on top, so every path relative to a module holds in both. `npm run build` writes it to
 * dist/, to look at; a clone never runs it (bin/entry.mjs).
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeCompiler } from '../src/workers/esbuild-service.ts';
import { bundleGuest, GUEST_SCRIPTS } from '../src/workers/guest-code.ts';

const ROOT = join(import.meta.dirname, '..');

/** Replaces the folder `dist`. */
export async function build(dist) {
  rmSync(dist, { recursive: true, force: true });
  compile(dist);
  const guest = join(dist, 'sandbox/guest');
  mkdirSync(guest, { recursive: true });
  await writeGuestScripts(guest);
  copyGuestFiles(guest);
  // Read by the CLI for its version, and by cells, which may read nothing above.
  const { name, version, type } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ name, version, type }, null, 2)}\n`);
}

function compile(dist) {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const config = join(import.meta.dirname, 'tsconfig.build.json');
  const { status } = spawnSync(process.execPath, [tsc, '-p', config, '--outDir', dist], { stdio: 'inherit' });
  if (status !== 0) throw new Error('The sources do not compile; nothing was built.');
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true }))
    if (entry.name.endsWith('.d.ts')) rewriteImports(join(entry.parentPath, entry.name));
}

/** tsc leaves the endings of imports in declarations as they are. */
function rewriteImports(path) {
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(/((?:from |import\()(['"])\.[^'"]*)\.ts\2/g, '$1.js$2'));
}

async function writeGuestScripts(guest) {
  const code = await bundleGuest();
  await closeCompiler();
  for (const name of Object.keys(GUEST_SCRIPTS)) writeFileSync(join(guest, `${name}.js`), code[name]);
}

/** Python for the inside of sandboxes, and the types of ctx, which are written and not made. */
function copyGuestFiles(guest) {
  const from = join(ROOT, 'sandbox/guest');
  for (const name of readdirSync(from))
    if (/\.pyi?$/.test(name) || name === 'ctx.d.ts') cpSync(join(from, name), join(guest, name));
}

if (import.meta.main) await build(join(ROOT, 'dist'));
