/**
 * The short way into Python for a tick. `callPromising` goes through a timer, an allocation and a dozen small helpers before it
 * gets to Python; that is nothing for a processor with warm caches, and a fifth of a tick for one that comes back to this
 * sandbox after a pause. This does the same with what is left when the function takes no arguments. Held to Pyodide's
 * insides, which the version in package.json fixes; where they are not as known, `callPromising` is used.
 */
import type { Pyodide, PythonFunction } from './python-boot.guest.ts';

interface Insides {
  /** The result of a call that raised. */
  readonly error: unknown;
  readonly validSuspender: { value: boolean };
  enterTask(): void;
  promisingApply(
    callable: number,
    args: readonly unknown[],
    positional: number,
    names: readonly string[],
    named: number,
    raised: number,
  ): Promise<readonly unknown[]>;
  PyProxy_getPtr(proxy: unknown): number;
  _malloc(bytes: number): number;
}

const FUNCTIONS = ['enterTask', 'promisingApply', 'PyProxy_getPtr', '_malloc'] as const;

function insidesOf(pyodide: Pyodide): Insides | null {
  const found = (pyodide as { _module?: Partial<Insides> })._module;
  if (typeof found?.validSuspender?.value !== 'boolean' || found.error === undefined) return null;
  return FUNCTIONS.every((name) => typeof found[name] === 'function') ? (found as Insides) : null;
}

/** A function that calls `target` without arguments, so that it may wait for promises. `target` must never be destroyed. */
export function createTick(pyodide: Pyodide, target: PythonFunction): () => Promise<unknown> {
  const insides = insidesOf(pyodide);
  if (insides === null) return () => target.callPromising();
  const callable = insides.PyProxy_getPtr(target);
  const raised = insides._malloc(4);
  return async () => {
    insides.enterTask();
    const before = insides.validSuspender.value;
    const [result] = await insides.promisingApply(callable, [], 0, [], 0, raised);
    insides.validSuspender.value = before;
    if (result === insides.error) throw new Error('A function that never raises did.');
    return result;
  };
}
