/**
 * WebAssembly in a Python sandbox: open during the boot, closed before user code runs. Python reaches JavaScript objects
 * (through `gc` or frames, whatever is hidden from `import`), so what it could do with them is what counts.
 */

import { createProxy } from './primordials.guest.ts';

type Bytes = ArrayBufferView | ArrayBuffer;
type Constructor = new (...args: never[]) => object;

/** The part of the WebAssembly API that is used here; the isolate has all of it, `lib.es` has no types for it. */
interface WasmApi {
  Module: Constructor & (new (bytes: Bytes) => object);
  Instance: Constructor & (new (module: object, imports?: object) => object);
  Memory: Constructor;
  Table: Constructor & { prototype: { grow(by: number, value?: unknown): number; readonly length: number } };
  [name: string]: unknown;
}

/** Table slots that may be added after the boot; Emscripten takes one for each callback. */
const TABLE_GROWTH_MAX = 16_384;

/**
 * Asynchronous compilation settles in an isolate only while something else happens to enter it (isolated-vm issue 308): the
 * same signatures, done synchronously. Pyodide's loader compiles a small module as soon as it is evaluated, so this comes
 * before. The main module comes compiled from the cell, which compiles it once for all sandboxes; it is asked for later.
 */
export function openWasm(global: Record<string, unknown>, mainModule: () => object | null): void {
  const wasm = global['WebAssembly'] as WasmApi;
  const { Module, Instance } = wasm;
  // Pyodide's loader reads a one-byte file in its place, which no other module is.
  const compile = (bytes: Bytes): object => (bytes.byteLength === 1 ? mainModule() : null) ?? new Module(bytes);
  wasm['compile'] = async (bytes: Bytes) => compile(bytes);
  wasm['instantiate'] = async (source: Bytes | object, imports?: object) => {
    if (source instanceof Module) return new Instance(source, imports);
    const module = compile(source as Bytes);
    return { module, instance: new Instance(module, imports) };
  };
}

/**
 * SECURITY: the sandbox's memory limit rests on this. Pyodide's own memory cannot outgrow its limit (the maximum is written
 * into the module, see pyodide/wasm-limits.ts); after this call no other WebAssembly memory, resizable buffer or shared
 * buffer can be made, and tables grow only a little (test/integration/python-runs.test.ts).
 */
export function closeWasm(global: Record<string, unknown>): void {
  const wasm = global['WebAssembly'] as WasmApi;
  const refuse = (what: string): (() => never) =>
    function refused(): never {
      throw new TypeError(`${what} is not available in a sandbox.`);
    };
  const seal = (holder: object, name: string, value: unknown): void => {
    Object.defineProperty(holder, name, { value, writable: false, configurable: false });
  };
  for (const name of ['Module', 'Instance', 'Memory'] as const) {
    const real = wasm[name];
    const closed = refuse(`WebAssembly.${name}`) as unknown as { prototype: object };
    closed.prototype = real.prototype as object;
    seal(real.prototype as object, 'constructor', closed);
    seal(wasm, name, closed);
  }
  for (const name of ['compile', 'compileStreaming', 'instantiate', 'instantiateStreaming'])
    seal(wasm, name, refuse(`WebAssembly.${name}`));
  Reflect.deleteProperty(wasm.Memory.prototype as object, 'toResizableBuffer');

  const grow = wasm.Table.prototype.grow;
  const length = Object.getOwnPropertyDescriptor(wasm.Table.prototype, 'length')?.get as (this: unknown) => number;
  const limits = new WeakMap<object, number>();
  seal(wasm.Table.prototype, 'grow', function capped(this: object, by: number, ...rest: unknown[]): number {
    const now = Reflect.apply(length, this, []) as number;
    const limit = limits.get(this) ?? now + TABLE_GROWTH_MAX;
    limits.set(this, limit);
    if (!(by >= 0 && now + by <= limit)) throw new RangeError('A table of a sandbox cannot grow that far.');
    return Reflect.apply(grow, this, [by, ...rest]) as number;
  });
  const RealTable = wasm.Table;
  const ClosedTable = refuse('WebAssembly.Table') as unknown as { prototype: object };
  ClosedTable.prototype = RealTable.prototype;
  seal(RealTable.prototype, 'constructor', ClosedTable);
  seal(wasm, 'Table', ClosedTable);
  closeBuffers(global, seal, refuse);
}

function closeBuffers(
  global: Record<string, unknown>,
  seal: (holder: object, name: string, value: unknown) => void,
  refuse: (what: string) => () => never,
): void {
  const Real = global['ArrayBuffer'] as ArrayBufferConstructor;
  const construct = Reflect.construct;
  const Guarded: ArrayBufferConstructor = createProxy(Real, {
    construct(target, args, newTarget) {
      // One argument: the option that makes a buffer resizable is not passed on.
      return construct(target, [args[0]], newTarget === Guarded ? target : newTarget) as object;
    },
  });
  seal(Real.prototype, 'constructor', Guarded);
  seal(global, 'ArrayBuffer', Guarded);
  const Shared = global['SharedArrayBuffer'] as { prototype: object } | undefined;
  if (Shared === undefined) return;
  seal(Shared.prototype, 'constructor', refuse('SharedArrayBuffer'));
  Reflect.deleteProperty(Shared.prototype, 'grow');
  Reflect.deleteProperty(global, 'SharedArrayBuffer');
  // Atomics.wait would hold a thread of the cell.
  Reflect.deleteProperty(global, 'Atomics');
}
