/**
 * Python inside an isolate. A cell opens one {@link PythonImage}: the files, the compiled module and the snapshot, which all
 * its sandboxes share without copies; `boot` then makes an interpreter in an isolate that is given to it.
 *
 * SECURITY: no callback of the cell goes into the isolate. Entropy goes in once, as bytes; everything else is the prelude's
 * (test/integration/python-runs.test.ts).
 */
import { createHash, randomFillSync } from 'node:crypto';
import { ENTROPY_SEED_BYTES } from '../guest/entropy.guest.ts';
import type { ivm } from '../isolate/ivm.ts';
import type { PyodideFiles } from './files.ts';
import { WASM_PAGE_BYTES, withMemoryLimits } from './wasm-limits.ts';

type Ivm = typeof ivm;
type Handle = ivm.Reference<unknown>;

export interface PythonImageOptions {
  readonly ivm: Ivm;
  readonly files: PyodideFiles;
  /** Bundled guest/python.guest.ts: a classic script whose completion value is `createPython`. */
  readonly script: string;
  /** Text of our Python files, joined (PYTHON_PRELUDE_FILES). */
  readonly prelude: string;
  /**
   * What {@link PythonImage.makeSnapshot} returned. One that was made from other files, script or prelude is not used; boots are
   * slow then (2 s instead of 0.2 s), as with null.
   */
  readonly snapshot: Uint8Array | null;
}

/** Pages that the interpreter starts with where the snapshot says nothing else (30 MiB, Pyodide's own). */
const INITIAL_PAGES = 480;

const KEY_BYTES = 32;

/** Names what a snapshot was made from; it is its first 32 bytes. */
function snapshotKey({ files, prelude, script }: PythonImageOptions): Buffer {
  const hash = createHash('sha256');
  for (const part of [files.version, files.glue, prelude, script]) hash.update(part).update('\0');
  return hash.digest();
}

export class PythonImage {
  readonly #options: PythonImageOptions;
  readonly #key: Buffer;
  readonly #modules = new Map<number, ivm.ExternalCopy<unknown>>();
  readonly #stdlib: ivm.ExternalCopy<unknown>;
  readonly #snapshot: ivm.ExternalCopy<unknown> | null;
  readonly #initialPages: number;
  readonly #codeCaches = new Map<string, ivm.ExternalCopy<ArrayBuffer>>();

  constructor(options: PythonImageOptions) {
    this.#options = options;
    const { ivm, files } = options;
    this.#stdlib = new ivm.ExternalCopy(files.stdlib.buffer);
    this.#key = snapshotKey(options);
    const given = options.snapshot;
    const fits = given !== null && this.#key.equals(given.subarray(0, KEY_BYTES));
    const snapshot = fits ? share(given.subarray(KEY_BYTES)) : null;
    this.#snapshot = snapshot === null ? null : new ivm.ExternalCopy(snapshot);
    const heapBytes = snapshot === null ? 0 : new DataView(snapshot).getUint32(8, true);
    this.#initialPages = Math.max(INITIAL_PAGES, Math.ceil(heapBytes / WASM_PAGE_BYTES));
  }

  /** False: the snapshot is missing or was made from something else. */
  get hasSnapshot(): boolean {
    return this.#snapshot !== null;
  }

  /**
   * Boots an interpreter whose memory ends at `memoryBytes`, and returns a reference to the driver (contract.guest.ts) for
   * the prelude's `useDriver`. The isolate's own memory limit has to leave some 64 MiB for JavaScript.
   */
  async boot(isolate: ivm.Isolate, context: ivm.Context, memoryBytes: number): Promise<Handle> {
    const fromSnapshot = this.#snapshot !== null;
    return await this.#enter(isolate, context, 'boot', memoryBytes, fromSnapshot, { reference: true });
  }

  /** Boots from files in a throwaway isolate that never sees user code. */
  async makeSnapshot(isolate: ivm.Isolate, context: ivm.Context): Promise<Uint8Array> {
    const limit = 256 * 1_048_576;
    const bytes = await this.#enter(isolate, context, 'makeSnapshot', limit, false, { copy: true });
    return Buffer.concat([this.#key, new Uint8Array(bytes as unknown as ArrayBuffer)]);
  }

  async #enter(
    isolate: ivm.Isolate,
    context: ivm.Context,
    method: 'boot' | 'makeSnapshot',
    memoryBytes: number,
    fromSnapshot: boolean,
    result: { reference: true } | { copy: true },
  ): Promise<Handle> {
    const { ivm, files, prelude } = this.#options;
    const seed = new ivm.ExternalCopy(randomFillSync(new Uint8Array(ENTROPY_SEED_BYTES)).buffer);
    const guest = await this.#script(isolate, context, seed.copyInto({ release: true }));
    const glue = await this.#module(isolate, context, files.glue, 'pyodide.asm.mjs');
    const loader = await this.#module(isolate, context, files.loader, 'pyodide.mjs');
    const createModule = await glue.namespace.get('default', { reference: true });
    const loadPyodide = await loader.namespace.get('loadPyodide', { reference: true });
    const outcome: Handle = await context.evalClosure(
      `return $0.${method}({ createModule: $1, loadPyodide: $2, wasm: $3, stdlib: new Uint8Array($4),
        snapshot: $5 === null ? null : new Uint8Array($5), prelude: $6, lock: $7 })`,
      [
        guest.derefInto(),
        createModule.derefInto(),
        loadPyodide.derefInto(),
        this.#compiled(memoryBytes).copyInto(),
        this.#stdlib.copyInto(),
        fromSnapshot ? (this.#snapshot as ivm.ExternalCopy<unknown>).copyInto() : null,
        fromSnapshot ? null : prelude,
        files.lock,
      ],
      { result: { ...result, promise: true } },
    );
    for (const handle of [guest, createModule, loadPyodide, glue, loader]) handle.release();
    return outcome;
  }

  /** Compiled once for every memory limit; sandboxes share the code. */
  #compiled(memoryBytes: number): ivm.ExternalCopy<unknown> {
    const maximumPages = Math.floor(memoryBytes / WASM_PAGE_BYTES);
    let module = this.#modules.get(maximumPages);
    if (module === undefined) {
      const bytes = withMemoryLimits(this.#options.files.wasm, { initialPages: this.#initialPages, maximumPages });
      module = new this.#options.ivm.ExternalCopy(compile(bytes));
      this.#modules.set(maximumPages, module);
    }
    return module;
  }

  async #script(isolate: ivm.Isolate, context: ivm.Context, seed: ivm.Copy<unknown>): Promise<Handle> {
    const script = await isolate.compileScript(this.#options.script, { filename: 'python', ...this.#cache('python') });
    this.#keepCache('python', script);
    const createPython: Handle = await script.run(context, { reference: true });
    script.release();
    const guest = await createPython.apply(undefined, [seed], { result: { reference: true } });
    createPython.release();
    return guest as Handle;
  }

  async #module(isolate: ivm.Isolate, context: ivm.Context, code: string, name: string): Promise<ivm.Module> {
    const module = await isolate.compileModule(code, { filename: name, ...this.#cache(name) });
    this.#keepCache(name, module);
    await module.instantiate(context, () => {
      throw new Error('Pyodide imports nothing in a sandbox.');
    });
    await module.evaluate();
    return module;
  }

  #cache(name: string): { produceCachedData: true } | { cachedData: ivm.ExternalCopy<ArrayBuffer> } {
    const cachedData = this.#codeCaches.get(name);
    return cachedData === undefined ? { produceCachedData: true } : { cachedData };
  }

  /** V8's code cache, made by this process. Never accepted from outside. */
  #keepCache(name: string, holder: object): void {
    const made = (holder as { cachedData?: ivm.ExternalCopy<ArrayBuffer> }).cachedData;
    if (made !== undefined && !this.#codeCaches.has(name)) this.#codeCaches.set(name, made);
  }
}

function share(bytes: Uint8Array): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

/** Node's types leave WebAssembly to the DOM's. */
function compile(bytes: Uint8Array): object {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } };
  return new WebAssembly.Module(bytes);
}
