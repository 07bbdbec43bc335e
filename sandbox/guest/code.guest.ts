/**
 * Code from strings in the JavaScript of a Python sandbox: nothing there needs it once the interpreter stands, and every object leads to
 * it over `constructor.constructor`. SECURITY: depth only. Whoever gets past this can run JavaScript in the worker's own
 * isolate, where nothing of the cell is (test/security/walk-python.test.ts holds both).
 */
import { append, defineProperty, getPrototypeOf } from './primordials.guest.ts';

type Constructor = (new (...args: never[]) => object) & { prototype: object };

/** `holders`: objects of Pyodide that keep one of these constructors for themselves. */
export function closeCode(global: Record<string, unknown>, holders: readonly (object | undefined)[]): void {
  const seal = (holder: object, name: string, value: unknown): void => {
    defineProperty(holder, name, { value, writable: false, configurable: false });
  };
  const refuse = (name: string): Constructor => {
    const refused = function refused(): never {
      throw new TypeError(`${name} of strings is not available in a sandbox.`);
    };
    // What asks an object for the name of its class goes on as before.
    seal(refused, 'name', name);
    return refused as unknown as Constructor;
  };
  const real: unknown[] = [global['eval']];
  for (const kind of [() => undefined, async () => undefined, function* () {}, async function* () {}]) {
    const prototype = getPrototypeOf(kind) as { constructor: Constructor };
    append(real, prototype.constructor);
    const closed = refuse(prototype.constructor.name);
    closed.prototype = prototype;
    seal(prototype, 'constructor', closed);
  }
  seal(global, 'Function', Function.prototype.constructor);
  seal(global, 'eval', refuse('eval'));
  for (const holder of holders)
    if (holder !== undefined)
      for (const name of Object.getOwnPropertyNames(holder))
        if (real.includes(Object.getOwnPropertyDescriptor(holder, name)?.value)) Reflect.deleteProperty(holder, name);
}
