/** The code that runs inside of sandboxes beside the user's: bundled from its TypeScript, or read from the built package. */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PYTHON_PRELUDE_FILES } from '../../sandbox/protocol.ts';
import { MODULE_ENDING } from '../core/module-ending.ts';
import { BUNDLE_OPTIONS } from './bundle.ts';
import { withCompiler } from './esbuild-service.ts';
import { wrapExport } from './script.ts';

/** Scripts whose completion value is the function that the guest file exports; `pythonPrelude` is all of our Python. */
export interface GuestCode {
  readonly prelude: string;
  readonly python: string;
  readonly pythonPrelude: string;
}

const FOLDER = new URL('../../sandbox/guest/', import.meta.url);

/** Guest file → the function it exports; the build (tools/build.mjs) writes each as `<file>.js` into the same folder. */
export const GUEST_SCRIPTS = { prelude: 'createGuest', python: 'createPython' } as const;

export async function bundleGuest(): Promise<GuestCode> {
  const [prelude, python, pythonPrelude] = await Promise.all([
    guestScript('prelude'),
    guestScript('python'),
    Promise.all(PYTHON_PRELUDE_FILES.map((name) => readFile(new URL(name, FOLDER), 'utf8'))),
  ]);
  return { prelude, python, pythonPrelude: pythonPrelude.join('\n') };
}

async function guestScript(name: keyof typeof GUEST_SCRIPTS): Promise<string> {
  if (MODULE_ENDING === '.js') return readFile(new URL(`${name}.js`, FOLDER), 'utf8');
  return bundleGuestFile(fileURLToPath(new URL(`${name}.guest.ts`, FOLDER)), GUEST_SCRIPTS[name]);
}

/** One of our own guest files as a classic script; its completion value is the named export. */
export async function bundleGuestFile(path: string, exportName: string): Promise<string> {
  const folder = dirname(path);
  const options = {
    ...BUNDLE_OPTIONS,
    // Every sandbox keeps a copy of this text: without blanks, and with one byte per character, which needs ASCII throughout. Names
    // stay, since guests can see them.
    charset: 'ascii' as const,
    minifyWhitespace: true,
    minifySyntax: true,
    entryPoints: [{ in: path, out: '.guest' }],
    absWorkingDir: folder,
    outdir: folder,
  };
  const { outputFiles } = await withCompiler((compiler) => compiler.build(options));
  const code = outputFiles[0]?.text ?? '';
  // Our own mistake, found here rather than as "undefined is not a function" in a cell.
  if (!new RegExp(`\\b${exportName}:\\(\\)=>`).test(code)) throw new Error(`${path} does not export ${exportName}`);
  return wrapExport(code, exportName);
}
