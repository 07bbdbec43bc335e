/** What a person writes into a state instead of its worker, and the checks that the worker's own writes pass inside of its sandbox. */
import { RuntimeError } from '../core/errors.ts';
import type { StateLimits } from '../core/limits.ts';
import type { StateEdit as StateEditOption, StateEntries } from '../runtime-state.ts';

/** Checked but for the room that there is. */
export interface StateEdit {
  /** Every key that is not in `changes` goes. */
  readonly replace: boolean;
  /** Key → JSON text; null deletes it. */
  readonly changes: ReadonlyMap<string, string | null>;
}

/** @throws RuntimeError BAD_ARGUMENT, STATE_LIMIT */
export function parseChanges(changes: readonly StateEditOption[], limits: StateLimits): StateEdit {
  if (!Array.isArray(changes))
    throw bad('changes must be a list of { key, value }, { key, json } or { key, deleted }.');
  const parsed = new Map<string, string | null>();
  for (const change of changes as readonly unknown[]) {
    if (typeof change !== 'object' || change === null || !('key' in change))
      throw bad('a change must be { key, value }, { key, json } or { key, deleted: true }.');
    const key = checkKey(change.key, limits);
    if ('deleted' in change && change.deleted === true) parsed.set(key, null);
    else if ('json' in change) parsed.set(key, checkJson(key, change.json, limits));
    else if ('value' in change) parsed.set(key, checkJson(key, encode(key, change.value), limits));
    else throw bad(`the change of ${shown(key)} needs value, json or deleted: true.`);
  }
  return { replace: false, changes: parsed };
}

/** @throws RuntimeError BAD_ARGUMENT, STATE_LIMIT */
export function parseEntries(entries: StateEntries, limits: StateLimits): StateEdit {
  if (!Array.isArray(entries)) throw bad('entries must be a list of [key, JSON text].');
  const parsed = new Map<string, string>();
  for (const entry of entries as readonly unknown[]) {
    if (!Array.isArray(entry) || entry.length !== 2) throw bad('an entry must be [key, JSON text].');
    const key = checkKey(entry[0], limits);
    if (parsed.has(key)) throw bad(`the key ${shown(key)} is there twice.`);
    parsed.set(key, checkJson(key, entry[1], limits));
  }
  return { replace: true, changes: parsed };
}

/** @throws RuntimeError STATE_LIMIT where a state would come to more than it may */
export function checkRoom(after: { readonly bytes: number; readonly keys: number }, limits: StateLimits): void {
  if (after.bytes > limits.totalBytesMax)
    throw over(`the state would have ${after.bytes} bytes; at most ${limits.totalBytesMax} are allowed.`);
  if (after.keys > limits.keysMax)
    throw over(`the state would have ${after.keys} keys; at most ${limits.keysMax} are allowed.`);
}

function checkKey(key: unknown, { keyBytesMax }: StateLimits): string {
  if (typeof key !== 'string') throw bad(`a state key is a string, not ${typeof key}.`);
  if (!key.isWellFormed()) throw bad('a state key must be well-formed Unicode.');
  if (Buffer.byteLength(key) > keyBytesMax) throw over(`a state key has at most ${keyBytesMax} bytes.`);
  return key;
}

function checkJson(key: string, json: unknown, { valueBytesMax, depthMax }: StateLimits): string {
  if (typeof json !== 'string') throw bad(`the JSON of ${shown(key)} must be a string.`);
  if (!json.isWellFormed()) throw bad(`the value of ${shown(key)} must be well-formed Unicode.`);
  const bytes = Buffer.byteLength(json);
  if (bytes > valueBytesMax)
    throw over(`the value of ${shown(key)} would have ${bytes} bytes; at most ${valueBytesMax} are allowed.`);
  // Before it is parsed, which is recursive.
  if (depthOf(json) > depthMax) throw over(`the value of ${shown(key)} is nested deeper than ${depthMax} levels.`);
  try {
    JSON.parse(json);
  } catch (error) {
    throw bad(`the value of ${shown(key)} is not JSON (${(error as Error).message}).`);
  }
  return json;
}

/** Without the silent losses of `JSON.stringify`. */
function encode(key: string, value: unknown): string {
  const refuse = (what: string): never => {
    throw bad(`the value of ${shown(key)} holds ${what}, which JSON cannot carry.`);
  };
  let text: string | undefined;
  try {
    text = JSON.stringify(value, (_name, item: unknown) => {
      if (typeof item === 'number' && !Number.isFinite(item)) return refuse(String(item));
      if (typeof item === 'bigint' || typeof item === 'function' || typeof item === 'symbol')
        return refuse(`a ${typeof item}`);
      if (item instanceof Map || item instanceof Set || item instanceof Promise)
        return refuse(`a ${item.constructor.name}`);
      return item;
    });
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    throw bad(`the value of ${shown(key)} cannot be stored as JSON: ${(error as Error).message}`);
  }
  return text ?? refuse('undefined');
}

/** Deepest nesting of brackets outside of strings. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const unit = json.charCodeAt(i);
    if (inString) {
      if (unit === 92) i++;
      else if (unit === 34) inString = false;
    } else if (unit === 34) inString = true;
    else if (unit === 91 || unit === 123) deepest = Math.max(deepest, ++depth);
    else if (unit === 93 || unit === 125) depth--;
  }
  return deepest;
}

const shown = (key: string): string => JSON.stringify(key.length > 80 ? `${key.slice(0, 80)}…` : key);
const bad = (message: string): RuntimeError => new RuntimeError('BAD_ARGUMENT', `State: ${message}`);
const over = (message: string): RuntimeError => new RuntimeError('STATE_LIMIT', `State: ${message}`);
