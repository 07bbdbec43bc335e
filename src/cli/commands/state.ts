/** `runtime state …`: what is kept for the workers, looked at and changed by a person. */
import type { Environment } from '../../config/environment.ts';
import { loadConfig } from '../../config/load.ts';
import type { LoadedConfig } from '../../config/resolve.ts';
import { RuntimeError } from '../../core/errors.ts';
import type { StateInfo, StateWritten } from '../../runtime-state.ts';
import type { Output } from '../output.ts';
import { type Office, openOffice } from '../state-office.ts';
import { countOf, keyLabel, printable, workerLabel } from '../text.ts';

/** What every one of these commands has at hand. */
export interface StateContext {
  readonly office: Office;
  readonly output: Output;
  readonly config: LoadedConfig;
}

export async function withState(
  file: string,
  output: Output,
  environment: Environment,
  work: (context: StateContext) => Promise<number>,
): Promise<number> {
  const config = loadConfig(file, environment);
  const office = await openOffice(config.options, output);
  try {
    return await work({ office, output, config });
  } finally {
    await office.close();
  }
}

export async function listAll({ office, output }: StateContext): Promise<number> {
  const rows: string[][] = [['worker', 'is', 'tick', 'revision', 'keys', 'bytes']];
  const workers = await office.call('workers', {});
  for (const { worker, state } of [...workers].sort((a, b) => (a.worker < b.worker ? -1 : 1))) {
    const info = await inspected(office, worker);
    if (info instanceof RuntimeError) {
      const { code, message } = info;
      if (output.json) output.data({ kind: 'state', worker, is: state, code, message });
      else rows.push([workerLabel(worker), state, printable(message)]);
      continue;
    }
    const { revision, tick, bytes, keys, intact } = info;
    if (output.json)
      output.data({ kind: 'state', worker, is: state, tick, revision, keys: keys.length, bytes, intact });
    const row = [workerLabel(worker), state, tick, revision, keys.length, bytes].map(String);
    rows.push(intact ? row : [...row, 'does not match its checksum']);
  }
  if (output.json) return 0;
  if (rows.length === 1) output.line('no worker has a state here');
  else printTable(output, rows, 2);
  return 0;
}

/** One that cannot be read must not hide the others. */
async function inspected(office: Office, name: string): Promise<StateInfo | RuntimeError> {
  try {
    return await office.call('inspect', { name });
  } catch (error) {
    if (error instanceof RuntimeError && ['STATE_CORRUPT', 'STATE_CONFLICT', 'WORKER_NOT_FOUND'].includes(error.code))
      return error;
    throw error;
  }
}

export async function listKeys({ office, output }: StateContext, name: string): Promise<number> {
  const info = await office.call('inspect', { name });
  const { worker, revision, tick, bytes, keys } = info;
  if (output.json) {
    const { epoch, checksum, intact, desired, actual } = info;
    output.data({ kind: 'state', worker, tick, revision, epoch, checksum, intact, desired, actual, bytes });
    for (const one of keys) output.data({ kind: 'key', worker, ...one });
    return 0;
  }
  printTable(output, [['key', 'bytes'], ...keys.map(({ key, bytes: size }) => [keyLabel(key), String(size)])], 1);
  const text = `${countOf(keys.length, 'key')}, ${bytes} bytes, revision ${revision}, tick ${tick}`;
  output.line(`${workerLabel(worker)}: ${text}${info.intact ? '' : '; it does not match its checksum'}`);
  return 0;
}

export async function getValue({ office, output }: StateContext, name: string, key: string): Promise<number> {
  const { worker, entries } = await office.call('export', { name });
  const json = entries.find(([one]) => one === key)?.[1];
  if (json === undefined)
    throw new RuntimeError('BAD_ARGUMENT', `The state of worker ${worker} has no key ${JSON.stringify(key)}.`);
  // The text as it is stored: nothing of it is parsed and printed anew.
  // Line ends are between values only; one JSON line must be one line.
  if (output.json)
    output.line(
      `{"kind":"value","worker":${JSON.stringify(worker)},"key":${JSON.stringify(key)},"value":${json.replaceAll(/[\r\n]+/g, ' ')}}`,
    );
  else output.line(process.stdout.isTTY ? printable(json) : json);
  return 0;
}

export async function setValue(context: StateContext, name: string, key: string, json: string): Promise<number> {
  const written = await context.office.call('write', { name, changes: [{ key, json }] });
  return told(context, name, written, `${JSON.stringify(key)} is set`);
}

export async function deleteKeys(context: StateContext, name: string, keys: readonly string[]): Promise<number> {
  const { keys: known } = await context.office.call('inspect', { name });
  const missing = keys.find((key) => !known.some((one) => one.key === key));
  if (missing !== undefined)
    throw new RuntimeError(
      'BAD_ARGUMENT',
      `The state of worker ${name} has no key ${JSON.stringify(missing)}; nothing was deleted.`,
    );
  const changes = keys.map((key) => ({ key, deleted: true as const }));
  const written = await context.office.call('write', { name, changes });
  return told(context, name, written, `${countOf(keys.length, 'key')} deleted`);
}

export async function deleteAll(context: StateContext, name: string): Promise<number> {
  const written = await context.office.call('replace', { name, entries: [], create: false });
  return told(context, name, written, 'every key deleted');
}

export async function renameState(context: StateContext, name: string, newName: string): Promise<number> {
  await context.office.call('rename', { name, newName });
  const { output } = context;
  if (output.json) output.data({ kind: 'renamed', from: name, to: newName });
  else output.line(`${name} is ${newName} now, with its state and its tick number; its ticks and logs so far are gone`);
  return 0;
}

export function told({ office, output }: StateContext, name: string, written: StateWritten, what: string): number {
  if (output.json) output.data({ kind: 'written', worker: name, ...written });
  else {
    const how = written.live
      ? 'the running worker has it'
      : office.isNode
        ? 'stored; the worker does not run'
        : 'stored';
    output.line(`${name}: ${printable(what)}, revision ${written.revision} (${how})`);
  }
  return 0;
}

/** Columns from `numbersFrom` on are numbers. */
function printTable(output: Output, rows: readonly (readonly string[])[], numbersFrom: number): void {
  const columns = rows[0]?.length ?? 0;
  // A row with other columns says something else in them.
  const regular = rows.filter((row) => row.length >= columns);
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...regular.map((row) => row[column]?.length ?? 0)));
  for (const [index, row] of rows.entries()) {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column >= numbersFrom && column < columns && row.length >= columns
        ? cell.padStart(width)
        : cell.padEnd(width);
    });
    const line = cells.join('  ').trimEnd();
    output.line(index === 0 ? output.style('gray', line) : line);
  }
}
