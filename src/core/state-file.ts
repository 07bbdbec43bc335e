/**
 * A whole state as a file of JSON that people can read, in which every value stands as the very text that is stored: numbers keep all
 * their digits, and nothing is sorted or written anew. So a file is not taken apart by `JSON.parse`, which rounds and
 * reorders, but checked by it and then cut where its values begin and end.
 */
import { RuntimeError } from './errors.ts';

/** What a file holds. The same as `StateExport` of the runtime. */
export interface StateFile {
  readonly format: 'tick-runtime-state';
  readonly version: 1;
  readonly worker: string;
  readonly revision: string;
  readonly exportedAt: string;
  readonly tick: number | null;
  readonly entries: readonly (readonly [key: string, json: string])[];
}

/** One value per line. */
export function formatStateFile(file: StateFile): string {
  const { format, version, worker, revision, exportedAt, tick, entries } = file;
  const head = Object.entries({ format, version, worker, revision, exportedAt, tick });
  const fields = head.map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  const values = entries.map(([key, json]) => `    ${JSON.stringify(key)}: ${json}`);
  const state = values.length === 0 ? '{}' : `{\n${values.join(',\n')}\n  }`;
  return `{\n${[...fields, `  "state": ${state}`].join(',\n')}\n}\n`;
}

/** @throws RuntimeError BAD_ARGUMENT */
export function parseStateFile(given: string): StateFile {
  const text = given.startsWith('\ufeff') ? given.slice(1) : given;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw bad(`it is not JSON (${(error as Error).message})`);
  }
  if (!isObject(value)) throw bad('it is not an object');
  if (value['format'] !== 'tick-runtime-state') throw bad('its format is not "tick-runtime-state"');
  if (value['version'] !== 1) throw bad(`its version is ${JSON.stringify(value['version'])}, and only 1 is known here`);
  if (!isObject(value['state'])) throw bad('it has no state');
  const { worker, revision, exportedAt, tick } = value;
  const state = membersOf(text).findLast(([name]) => name === 'state')?.[1] ?? '{}';
  const entries = membersOf(state);
  if (new Set(entries.map(([key]) => key)).size < entries.length) throw bad('a key of the state is there twice');
  return {
    format: 'tick-runtime-state',
    version: 1,
    worker: typeof worker === 'string' ? worker : '',
    revision: typeof revision === 'string' ? revision : '',
    exportedAt: typeof exportedAt === 'string' ? exportedAt : '',
    tick: typeof tick === 'number' ? tick : null,
    entries,
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Name and text of every member of an object whose JSON is known to be right. */
function membersOf(json: string): [name: string, json: string][] {
  const members: [string, string][] = [];
  let at = json.indexOf('{') + 1;
  for (;;) {
    at = skipSpace(json, at);
    if (json[at] === ',') at = skipSpace(json, at + 1);
    if (json[at] !== '"') return members;
    const nameEnd = endOfString(json, at);
    const from = skipSpace(json, json.indexOf(':', nameEnd) + 1);
    const end = endOfValue(json, from);
    members.push([JSON.parse(json.slice(at, nameEnd)) as string, json.slice(from, end).trimEnd()]);
    at = end;
  }
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at++;
  return at;
}

/** Behind its closing quote. */
function endOfString(json: string, from: number): number {
  for (let at = from + 1; ; at++) {
    if (json[at] === '\\') at++;
    else if (json[at] === '"') return at + 1;
  }
}

/** At the comma or bracket behind it. */
function endOfValue(json: string, from: number): number {
  for (let at = from, depth = 0; at < json.length; at++) {
    const unit = json[at];
    if (unit === '"') at = endOfString(json, at) - 1;
    else if (unit === '{' || unit === '[') depth++;
    else if (unit === '}' || unit === ']') {
      if (depth === 0) return at;
      depth--;
    } else if (unit === ',' && depth === 0) return at;
  }
  return json.length;
}

const bad = (why: string): RuntimeError => new RuntimeError('BAD_ARGUMENT', `This is no exported state: ${why}.`);
