/**
 * Writes dist/: the package as JavaScript, for use below node_modules, where Node runs no TypeScript. The folders are those of
 * the sources, with a package.json of their own on top, so every path relative to a module holds in both. A clone never
 * uses it (bin/entry.mjs). Run with `npm run build`.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeCompiler } from '../src/workers/esbuild-service.ts';
import { bundleGuest, GUEST_SCRIPTS } from '../src/workers/guest-code.ts';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
const GUEST = join(DIST, 'sandbox/guest');

rmSync(DIST, { recursive: true, force: true });
try {
  await build();
} catch (error) {
  // Half a build must not be packed by whoever overlooks the message.
  rmSync(DIST, { recursive: true, force: true });
  throw error;
}

async function build() {
  compile();
  mkdirSync(GUEST, { recursive: true });
  await writeGuestScripts();
  copyGuestFiles();
  // Read by the CLI for its version and by cells, which may read nothing above dist.
  const { name, version, type } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  writeFileSync(join(DIST, 'package.json'), `${JSON.stringify({ name, version, type }, null, 2)}\n`);
}

function compile() {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', join(import.meta.dirname, 'tsconfig.build.json'), '--outDir', DIST];
  try {
    execFileSync(process.execPath, args, { stdio: 'inherit' });
  } catch {
    // tsc has said what is wrong.
    process.exit(1);
  }
  for (const entry of readdirSync(DIST, { recursive: true, withFileTypes: true }))
    if (entry.name.endsWith('.d.ts')) rewriteImports(join(entry.parentPath, entry.name));
}

/** tsc leaves the endings of imports in declarations as they are. */
function rewriteImports(path) {
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(/((?:from |import\()(['"])\.[^'"]*)\.ts\2/g, '$1.js$2'));
}

async function writeGuestScripts() {
  const code = await bundleGuest();
  await closeCompiler();
  for (const name of Object.keys(GUEST_SCRIPTS)) writeFileSync(join(GUEST, `${name}.js`), code[name]);
}

/** Python for the inside of sandboxes, and the types of ctx, which are written and not made. */
function copyGuestFiles() {
  const from = join(ROOT, 'sandbox/guest');
  for (const name of readdirSync(from))
    if (/\.pyi?$/.test(name) || name === 'ctx.d.ts') cpSync(join(from, name), join(GUEST, name));
}
