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

export type StateMap = Omit<GuestCore['state'], 'flush'>;

export function createState(
  saved: readonly (readonly [key: string, json: string])[],
  limits: SandboxLimits,
  stream: Stream,
): StateMap {
  const map = new SafeMap<string, string>();
  let bytes = 0;
  for (let i = 0; i < saved.length; i++) {
    const entry = saved[i] as readonly [string, string];
    mapSet(map as Map<unknown, unknown>, entry[0], entry[1]);
    bytes += utf8Bytes(entry[0]) + utf8Bytes(entry[1]);
  }
  const known = map as Map<unknown, unknown>;

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

  return {
    get: (key) => mapGet(known, checkKey(key)) as string | undefined,
    set(key, json) {
      checkKey(key);
      const total = bytes + growth(key, json);
      checkTotal(total, mapSize(map as Map<never, never>) + (mapHas(known, key) ? 0 : 1));
      stream.set(key, json);
      mapSet(known, key, json);
      bytes = total;
    },
    update(entries) {
      const fresh = new SafeMap<string, string>() as Map<unknown, unknown>;
      for (let i = 0; i < entries.length; i++) {
        const entry = entries[i] as readonly [string, string];
        mapSet(fresh, checkKey(entry[0]), entry[1]);
      }
      let total = bytes;
      let keys = mapSize(map as Map<never, never>);
      const list: [string, string][] = [];
      mapEach(fresh, (json, key) => {
        total += growth(key as string, json as string);
        if (!mapHas(known, key)) keys += 1;
        append(list, [key as string, json as string]);
      });
      checkTotal(total, keys);
      stream.event(['u', list]);
      for (let i = 0; i < list.length; i++)
        mapSet(known, (list[i] as [string, string])[0], (list[i] as [string, string])[1]);
      bytes = total;
    },
    delete(key) {
      checkKey(key);
      if (!mapHas(known, key)) return false;
      stream.remove(key);
      bytes -= sizeOf(key);
      mapDelete(known, key);
      return true;
    },
    keys() {
      const list: string[] = [];
      mapEach(known, (_json, key) => {
        append(list, key as string);
      });
      return list;
    },
  };
}
