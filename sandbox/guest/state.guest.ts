/** `ctx.state` inside the sandbox: a map of JSON texts. Reads cost no crossing; every write goes into the stream as well. */
import type { SandboxLimits } from '../protocol.ts';
import type { GuestCore } from './contract.guest.ts';
import { fault } from './faults.guest.ts';
import { utf8Bytes } from './json.guest.ts';
import {
  append,
  isWellFormed,
  mapDelete,
  mapEach,
  mapGet,
  mapHas,
  mapSet,
  mapSize,
  SafeMap,
} from './primordials.guest.ts';
import type { Stream } from './stream.guest.ts';

export interface StateMap extends Omit<GuestCore['state'], 'flush'> {
  /** Does again what was cut short between stream and map, so that both say the same. Before every entry that goes on with it. */
  mend(): void;
  /** Says all of it, in one piece. */
  dump(dump: number): void;
  /** Takes what the node has written instead of the worker; `replace`: nothing else stays. All of it, or nothing where it breaks a limit. */
  patch(patch: number, replace: boolean, changes: readonly (readonly [key: string, json: string | null])[]): void;
}

export function createState(
  saved: readonly (readonly [key: string, json: string])[],
  limits: SandboxLimits,
  stream: Stream,
): StateMap {
  let known = new SafeMap<string, string>() as Map<unknown, unknown>;
  for (let i = 0; i < saved.length; i++) {
    const entry = saved[i] as readonly [string, string];
    mapSet(known, entry[0], entry[1]);
  }
  let bytes = bytesOf(known);
  /** The write under way: `halfKey` with its value (null deletes it), or `halfList`. Only a run that was cut short leaves one. */
  let halfKey: string | null = null;
  let halfJson: string | null = null;
  let halfList: readonly (readonly [string, string])[] | null = null;

  function checkKey(key: unknown): string {
    if (typeof key !== 'string') throw fault('STATE_INVALID', `A state key is a string, not ${typeof key}.`);
    if (!isWellFormed(key)) throw fault('STATE_INVALID', 'A state key must be well-formed Unicode.');
    if (key.length > limits.stateKeyBytes || utf8Bytes(key) > limits.stateKeyBytes)
      throw fault('STATE_LIMIT', `A state key has at most ${limits.stateKeyBytes} bytes.`);
    return key;
  }

  function sizeOf(key: string): number {
    const json = mapGet(known, key) as string | undefined;
    return json === undefined ? 0 : utf8Bytes(key) + utf8Bytes(json);
  }

  /** What the write would add; throws when it would break a limit. */
  function growth(key: string, json: string): number {
    // JSON.rawJSON lets half a surrogate pair through, which no store can keep.
    if (!isWellFormed(json)) throw fault('STATE_INVALID', `State "${key}" must be well-formed Unicode.`);
    const size = utf8Bytes(json);
    if (size > limits.stateValueBytes)
      throw fault(
        'STATE_LIMIT',
        `State "${key}" would have ${size} bytes; at most ${limits.stateValueBytes} are allowed.`,
      );
    return utf8Bytes(key) + size - sizeOf(key);
  }

  function checkTotal(total: number, keys: number): void {
    if (total > limits.stateTotalBytes)
      throw fault(
        'STATE_LIMIT',
        `The state of a worker has at most ${limits.stateTotalBytes} bytes; delete keys first.`,
      );
    if (keys > limits.stateKeys)
      throw fault('STATE_LIMIT', `The state of a worker has at most ${limits.stateKeys} keys; delete some first.`);
  }

  function writeList(list: readonly (readonly [string, string])[]): void {
    stream.event(['u', list]);
    for (let i = 0; i < list.length; i++)
      mapSet(known, (list[i] as readonly [string, string])[0], (list[i] as readonly [string, string])[1]);
  }

  function mend(): void {
    if (halfKey === null && halfList === null) return;
    if (halfList !== null) writeList(halfList);
    else if (halfKey !== null && halfJson !== null) {
      stream.set(halfKey, halfJson);
      mapSet(known, halfKey, halfJson);
    } else if (halfKey !== null) {
      stream.remove(halfKey);
      mapDelete(known, halfKey);
    }
    halfKey = null;
    halfList = null;
    bytes = bytesOf(known);
  }

  return {
    mend,
    get: (key) => mapGet(known, checkKey(key)) as string | undefined,
    set(key, json) {
      checkKey(key);
      const total = bytes + growth(key, json);
      checkTotal(total, mapSize(known as Map<never, never>) + (mapHas(known, key) ? 0 : 1));
      halfJson = json;
      halfKey = key;
      stream.set(key, json);
      mapSet(known, key, json);
      halfKey = null;
      bytes = total;
    },
    update(entries) {
      const fresh = new SafeMap<string, string>() as Map<unknown, unknown>;
      for (let i = 0; i < entries.length; i++) {
        const entry = entries[i] as readonly [string, string];
        mapSet(fresh, checkKey(entry[0]), entry[1]);
      }
      let total = bytes;
      let keys = mapSize(known as Map<never, never>);
      const list: [string, string][] = [];
      mapEach(fresh, (json, key) => {
        total += growth(key as string, json as string);
        if (!mapHas(known, key)) keys += 1;
        append(list, [key as string, json as string]);
      });
      checkTotal(total, keys);
      halfList = list;
      writeList(list);
      halfList = null;
      bytes = total;
    },
    delete(key) {
      checkKey(key);
      if (!mapHas(known, key)) return false;
      const size = sizeOf(key);
      halfJson = null;
      halfKey = key;
      stream.remove(key);
      mapDelete(known, key);
      halfKey = null;
      bytes -= size;
      return true;
    },
    keys() {
      const list: string[] = [];
      mapEach(known, (_json, key) => {
        append(list, key as string);
      });
      return list;
    },
    dump(dump) {
      mend();
      stream.event(['b', dump]);
      let count = 0;
      mapEach(known, (json, key) => {
        stream.tell(key as string, json as string);
        count += 1;
      });
      stream.event(['w', dump, count]);
    },
    patch(patch, replace, changes) {
      mend();
      const next = new SafeMap<string, string>() as Map<unknown, unknown>;
      if (!replace)
        mapEach(known, (json, key) => {
          mapSet(next, key, json);
        });
      for (let i = 0; i < changes.length; i++) {
        const change = changes[i] as readonly [string, string | null];
        if (change[1] === null) mapDelete(next, change[0]);
        else mapSet(next, change[0], change[1]);
      }
      const total = bytesOf(next);
      const keys = mapSize(next as Map<never, never>);
      // What a run that was cut short left to do counts here, and the node could not know it.
      if (total > limits.stateTotalBytes || keys > limits.stateKeys) return stream.event(['p', patch, false]);
      known = next;
      bytes = total;
      stream.event(['p', patch, true]);
    },
  };
}

function bytesOf(map: Map<unknown, unknown>): number {
  let bytes = 0;
  mapEach(map, (json, key) => {
    bytes += utf8Bytes(key as string) + utf8Bytes(json as string);
  });
  return bytes;
}
