/** A JavaScript or TypeScript worker, with all that it imports, as one classic script and a source map. */
import { realpath } from 'node:fs/promises';
import { parse as parsePath, resolve } from 'node:path';
import type { BuildFailure, BuildOptions, BuildResult, Message, OutputFile, Plugin } from 'esbuild';
import { BUNDLE_BYTES_MAX } from '../core/limits.ts';
import type { CodeProblem } from './definition.ts';
import { exportsFor, findEntryShape } from './entry-shape.ts';
import { CompilerLost, withCompiler } from './esbuild-service.ts';
import { createFolderPlugin, shownPath } from './folder-plugin.ts';
import { createGivenPlugin, GIVEN } from './given-plugin.ts';
import { loaderOf, prepareModule } from './modules.ts';
import { codeInvalid, codeProblem, invalidAt } from './problems.ts';
import { WRAPPER_LINES, wrapWorker } from './script.ts';

export interface Bundle {
  readonly code: string;
  /** Source map as JSON, without the sources' text; it fits `code` as it is. */
  readonly map: string;
  /** Every file that is part of it: path as people know it → text. */
  readonly files: ReadonlyMap<string, string>;
}

/** `root` is the real path of the worker's folder, `entry` a path in it, `text` its content. */
export async function bundleFolder(root: string, entry: string, text: string): Promise<Bundle> {
  // The entry may be a link inside of its folder (mounted configuration is); esbuild works with what it leads to.
  const path = await realpath(resolve(root, entry));
  const { plugin, loaded } = await createFolderPlugin(root, path, await withExports(entry, text));
  const bundle = await build({
    plugin,
    entryPoint: path,
    entry,
    root,
    shown: (file) => (resolve(root, file) === path ? entry : shownPath(root, resolve(root, file))),
  });
  return { ...bundle, files: new Map(loaded).set(entry, text) };
}

export async function bundleGiven(files: ReadonlyMap<string, string>, entry: string): Promise<Bundle> {
  const text = files.get(entry) ?? '';
  const plugin = createGivenPlugin(new Map(files).set(entry, await withExports(entry, text)), entry);
  const root = parsePath(process.cwd()).root;
  const bundle = await build({
    plugin,
    entryPoint: OUTPUT,
    entry,
    root,
    shown: (file) => file.replace(`${GIVEN}:`, ''),
  });
  return { ...bundle, files };
}

/**
 * Settings shared by everything that is bundled for a sandbox. `tsconfigRaw` keeps esbuild from looking for one on disk.
 * Packages are taken in their variants for browsers and web workers: those need no Node.
 */
export const BUNDLE_OPTIONS = {
  bundle: true,
  write: false as const,
  format: 'cjs' as const,
  platform: 'browser' as const,
  conditions: ['worker', 'module'],
  define: { 'process.env.NODE_ENV': '"production"' },
  target: 'node26',
  charset: 'utf8' as const,
  legalComments: 'none' as const,
  logLevel: 'silent' as const,
  tsconfigRaw: '{}',
} satisfies BuildOptions & { write: false };

/** Not a name that a worker's own file has: esbuild refuses to write over its input, even in memory. */
const OUTPUT = '.worker-bundle';

async function withExports(entry: string, text: string): Promise<string> {
  const loader = loaderOf(entry, {});
  if (loader !== 'js' && loader !== 'ts')
    throw invalidAt(entry, 1, 1, 'a worker is a .py, .js, .mjs, .cjs, .ts or .mts file');
  const shape = await findEntryShape(prepareModule(text, entry, loader), loader);
  if (shape.kind !== 'plain') return text;
  if (!shape.functions.includes('tick')) throw invalidAt(entry, 1, 1, MISSING_TICK);
  return text + exportsFor(shape.functions);
}

export const MISSING_TICK = 'the worker has no function "tick"; add one: export function tick(ctx) { … }';

interface BuildInput {
  readonly plugin: Plugin;
  readonly entryPoint: string;
  readonly entry: string;
  readonly root: string;
  /** esbuild's name of a file → the one that people know. */
  readonly shown: (file: string) => string;
}

async function build(input: BuildInput): Promise<{ code: string; map: string }> {
  const options = {
    ...BUNDLE_OPTIONS,
    entryPoints: [{ in: input.entryPoint, out: OUTPUT }],
    outdir: input.root,
    absWorkingDir: input.root,
    resolveExtensions: ['.ts', '.mts', '.js', '.mjs', '.cjs', '.cts', '.json'],
    plugins: [input.plugin],
    keepNames: true,
    sourcemap: 'external' as const,
    sourcesContent: false,
    metafile: true as const,
  };
  let result: BuildResult<typeof options>;
  try {
    result = await withCompiler((compiler) => compiler.build(options));
  } catch (error) {
    if (error instanceof CompilerLost) throw invalidAt(input.entry, 1, 1, error.message);
    if (isBuildFailure(error)) throw codeInvalid(error.errors.flatMap((message) => problemsOf(message, input)));
    throw error;
  }
  const file = (end: string): OutputFile | undefined => result.outputFiles.find((output) => output.path.endsWith(end));
  const code = file('.js');
  const map = file('.js.map');
  if (code === undefined || map === undefined) throw new Error('esbuild wrote no bundle');
  if (code.contents.length > BUNDLE_BYTES_MAX)
    throw invalidAt(input.entry, 1, 1, `the bundled worker is larger than ${BUNDLE_BYTES_MAX} bytes`);
  const strict = Object.values(result.metafile.inputs).every(({ format }) => format !== 'cjs');
  return { code: wrapWorker(code.text, strict), map: moveMap(map.text, input.shown) };
}

/** Renames the sources and shifts the map by what the wrapper puts before the bundle. */
function moveMap(json: string, shown: (file: string) => string): string {
  const map = JSON.parse(json) as { sources: string[]; mappings: string };
  const mappings = ';'.repeat(WRAPPER_LINES) + map.mappings;
  return JSON.stringify({ ...map, sources: map.sources.map(shown), mappings });
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

function problemsOf(message: Message, input: BuildInput): CodeProblem[] {
  // A plugin that found the place itself says so; else it is the import that led there.
  if (Array.isArray(message.detail)) return message.detail as CodeProblem[];
  const { location } = message;
  if (location === null) return [codeProblem(input.entry, 1, 1, explain(message.text))];
  // esbuild counts bytes from 0, people count characters from 1.
  const before = Buffer.from(location.lineText).subarray(0, location.column).toString();
  const file = input.shown(location.namespace === GIVEN ? location.file.replace(`${GIVEN}:`, '') : location.file);
  return [codeProblem(file, Math.max(1, location.line), before.length + 1, explain(message.text))];
}

function explain(text: string): string {
  if (text.startsWith('Top-level await'))
    return 'top-level await is not possible in a worker; await inside setup or tick';
  if (text.includes('JSX syntax extension')) return 'JSX is not possible in a worker';
  const missing = /^Could not resolve "([^"]*)"/.exec(text)?.[1];
  if (missing === undefined) return text;
  return /^[./]/.test(missing)
    ? `cannot find "${missing}"`
    : `cannot find the package "${missing}"; install it with npm in the worker's folder`;
}
