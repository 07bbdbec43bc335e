/** The code that runs inside of sandboxes beside the user's: bundled from its TypeScript, or read from the built package. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLE_OPTIONS } from './bundle.ts';
import { withCompiler } from './esbuild-service.ts';
import { wrapExport } from './script.ts';

/** Scripts whose completion value is the function that the guest file exports; `pythonPrelude` is Python. */
export interface GuestCode {
  readonly prelude: string;
  readonly shell: string;
  readonly python: string;
  readonly pythonPrelude: string;
}

const SOURCES = new URL('../../sandbox/guest/', import.meta.url);
const BUILT = new URL('../../dist/guest/', import.meta.url);

export async function bundleGuest(): Promise<GuestCode> {
  const [prelude, shell, python, pythonPrelude] = await Promise.all([
    guestScript('prelude', 'createGuest'),
    guestScript('shell', 'createShell'),
    guestScript('python', 'createPython'),
    readFile(new URL('ctx_guest.py', SOURCES), 'utf8'),
  ]);
  return { prelude, shell, python, pythonPrelude };
}

async function guestScript(name: string, exportName: string): Promise<string> {
  const built = new URL(`${name}.js`, BUILT);
  if (existsSync(built)) return readFile(built, 'utf8');
  return bundleGuestFile(fileURLToPath(new URL(`${name}.guest.ts`, SOURCES)), exportName);
}

/** One of our own guest files as a classic script; its completion value is the named export. */
export async function bundleGuestFile(path: string, exportName: string): Promise<string> {
  const folder = dirname(path);
  const options = {
    ...BUNDLE_OPTIONS,
    entryPoints: [{ in: path, out: '.guest' }],
    absWorkingDir: folder,
    outdir: folder,
  };
  const { outputFiles } = await withCompiler((compiler) => compiler.build(options));
  const code = outputFiles[0]?.text ?? '';
  // Our own mistake, found here rather than as "undefined is not a function" in a cell.
  if (!new RegExp(`\\b${exportName}: \\(\\) =>`).test(code)) throw new Error(`${path} does not export ${exportName}`);
  return wrapExport(code, exportName);
}
