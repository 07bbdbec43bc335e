/**
 * What the isolate's memory limit does not count, closed. SECURITY: resizable array buffers, shared buffers and WebAssembly
 * memories live outside of V8's heap and of isolated-vm's accounting (a 32 MiB isolate took 2 GB through each of
 * them): a JavaScript worker has none of the three. test/security/corpus holds one attack for each.
 */
import { createProxy, defineProperty } from './primordials.guest.ts';

export function closeUncountedMemory(global: typeof globalThis): void {
  const Real = global.ArrayBuffer;
  const construct = Reflect.construct;
  const Guarded: ArrayBufferConstructor = createProxy(Real, {
    construct(target, args, newTarget) {
      const options: unknown = args[1];
      if (
        typeof options === 'object' &&
        options !== null &&
        (options as { maxByteLength?: unknown }).maxByteLength !== undefined
      )
        throw new RangeError('Resizable array buffers are not available in a worker; allocate a new buffer instead.');
      return construct(target, [args[0]], newTarget === Guarded ? target : newTarget) as object;
    },
  });
  // Open to changes, as the language has it: nothing leads from there to the real one (test/security/corpus/buffer-resizable-ways).
  defineProperty(Real.prototype, 'constructor', { value: Guarded, writable: true, configurable: true });
  // By this method programs find out whether there are resizable buffers.
  Reflect.deleteProperty(Real.prototype, 'resize');
  defineProperty(global, 'ArrayBuffer', { value: Guarded, writable: true, configurable: true });
  for (const name of ['SharedArrayBuffer', 'Atomics', 'WebAssembly'] as const) Reflect.deleteProperty(global, name);
}

const nothing = (): void => undefined;

/**
 * V8 calls back what a FinalizationRegistry holds whenever its collector ran, also between two runs. SECURITY: no time limit holds
 * there (test/security/corpus/finalization-loop), so a worker's own callback is never called: the language promises none.
 * Registries that were made before go on as they are.
 */
export function silenceFinalizers(global: typeof globalThis): void {
  const Real = global.FinalizationRegistry;
  const construct = Reflect.construct;
  const Quiet: FinalizationRegistryConstructor = createProxy(Real, {
    construct(target, args, newTarget) {
      const callback = typeof args[0] === 'function' ? nothing : args[0];
      return construct(target, [callback], newTarget === Quiet ? target : newTarget) as object;
    },
  });
  defineProperty(Real.prototype, 'constructor', { value: Quiet, writable: true, configurable: true });
  defineProperty(global, 'FinalizationRegistry', { value: Quiet, writable: true, configurable: true });
}

/**
 * `Error.prepareStackTrace` would run user code wherever V8 formats an error, outside of every time limit. SECURITY: setting it
 * has no effect (test/security/corpus/prepare-stack-trace).
 */
export function fixStackTraces(global: typeof globalThis): void {
  defineProperty(global.Error, 'prepareStackTrace', {
    get: () => undefined,
    set: () => undefined,
    configurable: false,
  });
}
