/** State values as JSON, without the silent losses of `JSON.stringify`: what JSON cannot carry is an error that says so. */
import { fault } from './faults.guest.ts';
import { charCodeAt, isFiniteNumber, SafeMap, SafePromise, SafeSet, stringify } from './primordials.guest.ts';

function refuse(where: string, what: string): never {
  throw fault('STATE_INVALID', `${where} holds ${what}, which JSON cannot carry. Convert it first.`);
}

/** `where` starts the message of an error, e.g. `ctx.state.set("a")`. */
export function encode(value: unknown, where: string, depthMax: number): string {
  let text: string | undefined;
  try {
    text = stringify(value, (key: string, item: unknown) => {
      switch (typeof item) {
        case 'number':
          return isFiniteNumber(item) ? item : refuse(at(where, key), `${item}`);
        case 'bigint':
          return refuse(at(where, key), 'a BigInt');
        case 'function':
          return refuse(at(where, key), 'a function');
        case 'symbol':
          return refuse(at(where, key), 'a symbol');
        case 'object':
          if (item instanceof SafeMap) return refuse(at(where, key), 'a Map');
          if (item instanceof SafeSet) return refuse(at(where, key), 'a Set');
          if (item instanceof SafePromise) return refuse(at(where, key), 'a promise (is an `await` missing?)');
          return item;
        default:
          return item;
      }
    });
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code === 'STATE_INVALID') throw error;
    throw fault('STATE_INVALID', `${where} cannot be stored as JSON: ${(error as Error)?.message}`);
  }
  if (text === undefined) throw fault('STATE_INVALID', `${where} is undefined. Use null, or delete the key.`);
  if (text.length > depthMax * 2 && depthOf(text) > depthMax)
    throw fault('STATE_LIMIT', `${where} is nested deeper than ${depthMax} levels.`);
  return text;
}

const at = (where: string, key: string): string => (key === '' ? where : `${where} at "${key}"`);

/** Deepest nesting of brackets outside of strings. */
export function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const unit = charCodeAt(json, i);
    if (inString) {
      if (unit === 92) i++;
      else if (unit === 34) inString = false;
    } else if (unit === 34) inString = true;
    else if (unit === 91 || unit === 123) {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (unit === 93 || unit === 125) depth--;
  }
  return deepest;
}

/** UTF-8 bytes of a well-formed string. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = charCodeAt(text, i);
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
