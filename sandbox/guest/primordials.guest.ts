/**
 * The language's own functions, taken before any user code runs. SECURITY: everything that the prelude does after that goes
 * through these copies, so a worker that replaces `JSON.stringify` or `Map.prototype.get` changes only its own life
 * (test/security/corpus).
 */
const uncurry =
  <This, Args extends readonly unknown[], Result>(method: (this: This, ...args: Args) => Result) =>
  (self: This, ...args: Args): Result =>
    apply(method as never, self, args) as Result;

export const apply = Reflect.apply;
export const stringify = JSON.stringify;
export const parse = JSON.parse;
export const freeze = Object.freeze;
const setPrototypeOf = Object.setPrototypeOf;
const SafeProxy = Proxy;
export const create = Object.create;
export const keysOf = Object.keys;
export const defineProperty = Object.defineProperty;
export const getPrototypeOf = Object.getPrototypeOf;
/**
 * Adds at the end. SECURITY: `list[list.length] = item` would ask Array.prototype, where user code may have put a setter that
 * gets hold of the list and changes it (test/security/corpus/pollute-array-setters).
 */
export function append<Item>(list: Item[], item: Item): void {
  defineValue(list, list.length, item, true);
}
/**
 * An own property, with a descriptor that inherits nothing. SECURITY: `get` on Object.prototype would otherwise make every descriptor
 * invalid, and a setter there would be handed what is assigned (test/security/corpus/pollute-accessors).
 */
export function defineValue(target: object, key: PropertyKey, value: unknown, enumerable: boolean): void {
  const descriptor = { __proto__: null, value, writable: true, enumerable, configurable: true };
  defineProperty(target, key, descriptor as PropertyDescriptor);
}
/**
 * A Proxy whose handler inherits nothing. SECURITY: otherwise `Object.prototype.get` would be a trap that is handed the target
 * (test/security/corpus/buffer-resizable-traps).
 */
export function createProxy<Target extends object>(target: Target, traps: ProxyHandler<Target>): Target {
  return new SafeProxy(target, setPrototypeOf(traps, null) as ProxyHandler<Target>);
}
export const isArray = Array.isArray;
export const isFiniteNumber = Number.isFinite;
export const now = Date.now;
export const random = Math.random;
export const floor = Math.floor;
export const max = Math.max;
export const min = Math.min;
export const storeAtomic = Atomics.store;
export const charCodeAt = uncurry(String.prototype.charCodeAt);
export const slice = uncurry(String.prototype.slice as (this: string, from: number, to?: number) => string);
export const isWellFormed = uncurry(String.prototype.isWellFormed);
export const SafeMap = Map;
export const mapGet = uncurry(Map.prototype.get as (this: Map<unknown, unknown>, key: unknown) => unknown);
export const mapSet = uncurry(Map.prototype.set as (this: Map<unknown, unknown>, key: unknown, v: unknown) => unknown);
export const mapHas = uncurry(Map.prototype.has as (this: Map<unknown, unknown>, key: unknown) => boolean);
export const mapDelete = uncurry(Map.prototype.delete as (this: Map<unknown, unknown>, key: unknown) => boolean);
export const mapClear = uncurry(Map.prototype.clear as (this: Map<unknown, unknown>) => void);
export const mapEach = uncurry(
  Map.prototype.forEach as (this: Map<unknown, unknown>, visit: (value: unknown, key: unknown) => void) => void,
);
const sizeGetter = Object.getOwnPropertyDescriptor(Map.prototype, 'size')?.get as (this: unknown) => number;
export const mapSize = (map: Map<never, never>): number => apply(sizeGetter, map, []) as number;
export const SafePromise = Promise;
export const promiseThen = uncurry(
  Promise.prototype.then as (
    this: Promise<unknown>,
    done?: ((value: unknown) => unknown) | null,
    failed?: ((reason: unknown) => unknown) | null,
  ) => Promise<unknown>,
);
export const SafeError = Error;
export const SafeSet = Set;
export const SafeString = String;
// biome-ignore lint/security/noGlobalEval: this is where a worker's own bundle is evaluated, inside its sandbox.
export const evaluate = globalThis.eval;
