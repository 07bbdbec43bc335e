/** `runtime state export`, `import`, `diff` and `resolve`: whole states, as files and as copies. */
import { closeSync, fstatSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { displayPath } from '../../config/load.ts';
import { RuntimeError } from '../../core/errors.ts';
import { makeFolders } from '../../core/folders.ts';
import { newId } from '../../core/ids.ts';
import { MiB, STATE_LIMITS } from '../../core/limits.ts';
import { formatStateFile, parseStateFile, type StateFile } from '../../core/state-file.ts';
import type { StateCopies, StateCopy, StateEntries } from '../../runtime-state.ts';
import type { Output } from '../output.ts';
import { copyLine, differencesOf, linesOf } from '../state-diff.ts';
import { countOf, workerLabel } from '../text.ts';
import { type StateContext, told } from './state.ts';

const FILE_BYTES_MAX = 64 * MiB;

export async function exportState({ office, output }: StateContext, name: string, file?: string): Promise<number> {
  const exported = await office.call('export', { name });
  const text = formatStateFile(exported);
  if (file === undefined) {
    output.line(text.trimEnd());
    return 0;
  }
  writeWhole(file, text);
  const { worker, revision, entries } = exported;
  if (output.json) output.data({ kind: 'exported', worker, revision, keys: entries.length, file });
  else
    output.line(
      `${workerLabel(worker)}: ${countOf(entries.length, 'key')} of revision ${revision} are in ${displayPath(file)}`,
    );
  return 0;
}

export interface ImportOptions {
  readonly file: string;
  readonly yes: boolean;
  readonly dryRun: boolean;
}

export async function importState(context: StateContext, name: string, options: ImportOptions): Promise<number> {
  const { office, output } = context;
  const given = readStateFile(options.file);
  if (given.entries.length > STATE_LIMITS.keysMax)
    throw new RuntimeError(
      'STATE_LIMIT',
      `The file has ${given.entries.length} keys, and a state has at most ${STATE_LIMITS.keysMax}. Nothing was changed.`,
    );
  const before = await existing(context, name);
  const differences = differencesOf(before ?? [], given.entries);
  if (output.json)
    output.data({ kind: 'diff', worker: name, isNew: before === null, keys: differences.map(({ key }) => key) });
  else {
    const from = given.worker === '' ? '' : ` of ${workerLabel(given.worker)}, revision ${given.revision}`;
    const what = before === null ? `new worker ${name}` : `${name}: ${differing(differences)}`;
    output.line(`${what}; the file has ${countOf(given.entries.length, 'key')}${from}`);
    for (const line of linesOf(differences)) output.line(line);
  }
  if (options.dryRun) return 0;
  if (!options.yes && !(await confirmed(`Replace the whole state of ${name}?`))) {
    output.problem('runtime: nothing was changed');
    return 1;
  }
  const entries = given.entries.map(([key, json]): [string, string] => [key, json]);
  const written = await office.call('replace', { name, entries, create: true });
  return told(context, name, written, `${countOf(entries.length, 'key')} imported`);
}

/** Exit code 1 where they differ, as `diff` has it. */
export async function diffState(context: StateContext, name: string, file?: string): Promise<number> {
  const { office, output } = context;
  if (file !== undefined) {
    const given = readStateFile(file);
    const stored = await office.call('export', { name });
    const same = showDifferences(output, name, ['stored', 'file'], stored.entries, given.entries);
    return same ? 0 : 1;
  }
  const copies = await copiesOf(context, name);
  return showCopies(output, name, copies) ? 0 : 1;
}

export interface ResolveOptions {
  readonly take: 'redis' | 'postgres';
  readonly force: boolean;
}

export async function resolveState(context: StateContext, name: string, options: ResolveOptions): Promise<number> {
  const { office, output, config } = context;
  const copies = await copiesOf(context, name);
  showCopies(output, name, copies);
  const other = options.take === 'redis' ? 'postgres' : 'redis';
  const kept = copies[other];
  // Before it is replaced: this process may end in between.
  const file = kept === null || typeof kept === 'string' ? null : keepCopy(config.options.dataDir, name, other, kept);
  const tellKept = (): void => {
    if (file === null) return;
    if (output.json) output.data({ kind: 'kept', worker: name, copy: other, file });
    else output.line(`the copy in ${labelOf(other)} is kept in ${displayPath(file)}`);
  };
  const written = await office.call('resolve', { name, ...options }).catch((error: unknown) => {
    if (file !== null && isRefusal(error)) rmSync(file, { force: true });
    else tellKept();
    throw error;
  });
  tellKept();
  const next = office.isNode ? '; the worker goes on with the next `runtime start`' : '';
  return told(context, name, written, `the copy in ${labelOf(options.take)} is the state in both now${next}`);
}

/** Nothing was replaced: of anything else nobody can say that. */
function isRefusal(error: unknown): boolean {
  const codes: readonly string[] = [
    'ILLEGAL_TRANSITION',
    'STATE_CORRUPT',
    'WORKER_NOT_FOUND',
    'BAD_ARGUMENT',
    'DATA_LOCKED',
  ];
  return error instanceof RuntimeError && codes.includes(error.code);
}

async function copiesOf({ office }: StateContext, name: string): Promise<StateCopies> {
  const copies = await office.call('copies', { name });
  if (copies !== null) return copies;
  throw new RuntimeError(
    'BAD_ARGUMENT',
    'State is kept once here, so there are no copies to compare. With --file an exported state is compared with what is stored.',
  );
}

const differing = ({ length }: { readonly length: number }): string =>
  `${countOf(length, 'key')} ${length === 1 ? 'differs' : 'differ'}`;
const labelOf = (which: 'redis' | 'postgres'): string => (which === 'redis' ? 'Redis' : 'Postgres');

/** True where both are there, whole, and the same. */
function showCopies(output: Output, name: string, { redis, postgres }: StateCopies): boolean {
  if (output.json)
    for (const [copy, found] of Object.entries({ redis, postgres }))
      output.data({ kind: 'copy', worker: name, copy, ...shown(found) });
  else {
    output.line(copyLine('Redis', redis));
    output.line(copyLine('Postgres', postgres));
  }
  if (redis === null || typeof redis === 'string' || postgres === null || typeof postgres === 'string') return false;
  const same = showDifferences(output, name, ['Postgres', 'Redis'], postgres.entries, redis.entries);
  return same && redis.revision === postgres.revision && redis.intact && postgres.intact;
}

function shown(copy: StateCopy | string | null): object {
  if (copy === null) return { found: false };
  if (typeof copy === 'string') return { found: true, problem: copy };
  const { entries, ...version } = copy;
  return { found: true, ...version, keys: entries.length };
}

function showDifferences(
  output: Output,
  name: string,
  [before, after]: readonly [string, string],
  old: StateEntries,
  now: StateEntries,
): boolean {
  const differences = differencesOf(old, now);
  if (output.json) output.data({ kind: 'diff', worker: name, before, after, keys: differences.map(({ key }) => key) });
  else {
    const text = differences.length === 0 ? 'the values are the same' : differing(differences);
    output.line(`${text} (- ${before}, + ${after})`);
    for (const line of linesOf(differences)) output.line(line);
  }
  return differences.length === 0;
}

async function existing({ office }: StateContext, name: string): Promise<StateEntries | null> {
  try {
    return (await office.call('export', { name })).entries;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === 'WORKER_NOT_FOUND') return null;
    // What is there cannot be read: the import is what puts it right.
    if (error instanceof RuntimeError && error.code === 'STATE_CORRUPT') return [];
    throw error;
  }
}

function keepCopy(dataDir: string, name: string, which: 'redis' | 'postgres', copy: StateCopy): string {
  const folder = join(dataDir, 'conflicts');
  makeFolders(folder, 0o700);
  const exportedAt = new Date().toISOString();
  const worker = name.includes('/') ? name : `default/${name}`;
  const file = join(
    folder,
    `${worker.replace('/', '_')}-${which}-r${copy.revision}-${exportedAt.replaceAll(':', '')}.json`,
  );
  const { revision, tick, entries } = copy;
  const kept: StateFile = { format: 'tick-runtime-state', version: 1, worker, revision, exportedAt, tick, entries };
  writeWhole(file, formatStateFile(kept));
  return file;
}

/** Nobody sees half of it, and it is this user's: state may hold what is not for others. */
function writeWhole(file: string, text: string): void {
  const half = `${file}.${newId()}.new`;
  try {
    writeFileSync(half, text, { mode: 0o600, flag: 'wx' });
    renameSync(half, file);
  } catch (error) {
    throw new RuntimeError('DATA_UNUSABLE', `${file} cannot be written: ${(error as Error).message}.`);
  }
}

/** `-`: standard input. */
function readStateFile(file: string): StateFile {
  let descriptor: number | undefined;
  let text: string;
  try {
    descriptor = file === '-' ? 0 : openSync(file, 'r');
    const { size } = fstatSync(descriptor);
    if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes, and a state has at most 16 MiB`);
    text = readFileSync(descriptor, 'utf8');
  } catch (error) {
    throw new RuntimeError('BAD_ARGUMENT', `${file} cannot be read: ${(error as Error).message}.`);
  } finally {
    if (descriptor !== undefined && descriptor !== 0) closeSync(descriptor);
  }
  return parseStateFile(text);
}

async function confirmed(question: string): Promise<boolean> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await reader.question(`${question} [y/N] `)).trim());
  } finally {
    reader.close();
  }
}
