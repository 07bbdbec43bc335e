/** From a worker's source to what a sandbox loads. User code is read and translated here, never run. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { SOURCE_BYTES_MAX } from '../core/limits.ts';
import { type Bundle, bundleFolder, bundleGiven, MISSING_TICK } from './bundle.ts';
import { checkBundle } from './check-bundle.ts';
import type { CompiledWorker, Language, WorkerSource } from './definition.ts';
import { checkGivenFiles } from './given-files.ts';
import { createLogMapper } from './log-stack.ts';
import { invalidAt } from './problems.ts';
import { checkPythonEntry } from './python-check.ts';
import { collectPython } from './python-files.ts';
import { readSource } from './read-source.ts';
import { cleanStack, createPositions, createStackMapper } from './stack.ts';

const VERSION_CHARS = 12;

/**
 * Checks and translates a worker's code. Files of `kind: 'file'` may import from their own folder and from `node_modules`
 * above it; those of `kind: 'files'` from each other only, and the host's disk is not looked at.
 *
 * Rejects with CODE_INVALID; `details.problems` has the findings, and the message begins with `file:line:column: `.
 */
export async function compileWorker(source: WorkerSource): Promise<CompiledWorker> {
  return source.kind === 'file'
    ? compileFile(source.file)
    : compileGiven(source.entry, checkGivenFiles(source.entry, source.files));
}

/** By extension; null for what no worker is written in. */
export function languageOf(file: string): Language | null {
  if (/\.py$/i.test(file)) return 'python';
  return /\.(?:[mc]?js|m?ts)$/i.test(file) && !/\.d\.m?ts$/i.test(file) ? 'javascript' : null;
}

async function compileFile(file: string): Promise<CompiledWorker> {
  const entry = basename(file);
  const language = requireLanguage(entry);
  const root = await realpath(dirname(file)).catch(() => {
    throw invalidAt(entry, 1, 1, 'the file does not exist');
  });
  const text = await readSource(file, entry, [root], SOURCE_BYTES_MAX);
  if (language === 'python') return pythonWorker(entry, await collectPython(root, entry, text));
  return javascriptWorker(entry, await bundleFolder(root, entry, text));
}

async function compileGiven(entry: string, files: ReadonlyMap<string, string>): Promise<CompiledWorker> {
  if (requireLanguage(entry) === 'python') return pythonWorker(entry, files);
  return javascriptWorker(entry, await bundleGiven(files, entry));
}

function requireLanguage(entry: string): Language {
  const language = languageOf(entry);
  if (language === null) throw invalidAt(entry, 1, 1, 'a worker is a .py, .js, .mjs, .cjs, .ts or .mts file');
  return language;
}

function javascriptWorker(entry: string, bundle: Bundle): CompiledWorker {
  const positions = createPositions(bundle.map);
  const facts = checkBundle(bundle.code, positions.find);
  if (facts.tick === 'missing') throw invalidAt(entry, 1, 1, MISSING_TICK);
  return {
    language: 'javascript',
    version: versionOf(entry, bundle.files),
    entry,
    code: bundle.code,
    setupBindsGlobals: facts.setupBindsGlobals,
    mapStack: createStackMapper(positions),
    ...createLogMapper(positions.find),
  };
}

function pythonWorker(entry: string, files: ReadonlyMap<string, string>): CompiledWorker {
  checkPythonEntry(entry, files.get(entry) ?? '');
  const modules = [...files].filter(([path]) => languageOf(path) === 'python');
  return {
    language: 'python',
    version: versionOf(entry, files),
    entry,
    files: Object.fromEntries(modules),
    setupBindsGlobals: false,
    mapStack: cleanStack,
    mapLogText: (text) => text,
    mapLogFields: (json) => json,
  };
}

/** The same files give the same version on every machine, whatever the order in which they came. */
function versionOf(entry: string, files: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256').update(JSON.stringify(entry));
  const sorted = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [path, text] of sorted) hash.update(JSON.stringify([path, text]));
  return hash.digest('hex').slice(0, VERSION_CHARS);
}
