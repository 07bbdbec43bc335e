/** Boots Pyodide inside the isolate: from its own files, or from a memory snapshot in a tenth of the time. */
import { closeCode } from './code.guest.ts';
import { silenceFinalizers } from './memory.guest.ts';
import { createShell, type Shell } from './shell.guest.ts';
import { packSnapshot, readSnapshot } from './snapshot.guest.ts';
import { closeWasm, openWasm } from './wasm.guest.ts';

/** A Python object as Pyodide shows it to JavaScript. */
export interface PythonFunction {
  (...args: unknown[]): unknown;
  /** Runs it so that it may wait for promises (`run_sync`). */
  callPromising(...args: unknown[]): Promise<unknown>;
}

/** The part of Pyodide that is used. */
export interface Pyodide {
  runPython(code: string, options?: { filename?: string }): unknown;
  pyimport(name: string): Record<string, PythonFunction>;
  makeMemorySnapshot(): Uint8Array;
}

interface EmscriptenModule {
  readonly HEAPU8: Uint8Array;
}

type CreateModule = (settings: object) => Promise<EmscriptenModule>;
type LoadPyodide = (options: object) => Promise<Pyodide>;

export interface BootParts {
  readonly lock: string;
  readonly createModule: CreateModule;
  readonly loadPyodide: LoadPyodide;
  /** The compiled pyodide.asm.wasm, with the memory limit of this sandbox in it. */
  readonly wasm: object;
  /** The standard library, in shared memory. */
  readonly stdlib: Uint8Array;
  readonly snapshot: Uint8Array | null;
  /** Text of ctx_guest.py; a snapshot has it inside. */
  readonly prelude: string | null;
}

const WASM_PATH = '/pyodide.asm.wasm';
const STDLIB_PATH = '/python_stdlib.zip';
const GUEST_MODULE = 'tick_runtime';

const globals = globalThis as unknown as Record<string, unknown>;

/** Before any file of Pyodide is evaluated. */
export function openShell(seed: Uint8Array): Shell {
  const shell = createShell(globals, seed);
  openWasm(globals, () => shell.mainModule);
  return shell;
}

/** `final` closes the doors: no more snapshot can be made, and user code may come. */
export async function bootPyodide(shell: Shell, parts: BootParts, final: boolean): Promise<Pyodide> {
  const complaints: string[] = [];
  shell.onLine = (_level, line) => {
    if (complaints.length < 20) complaints.push(line);
  };
  const placeholder = new Uint8Array(1);
  shell.files.set(WASM_PATH, placeholder);
  shell.files.set(STDLIB_PATH, parts.stdlib);
  shell.mainModule = parts.wasm;
  let snapshot = parts.snapshot === null ? null : readSnapshot(parts.snapshot);
  let createModule: CreateModule | null = parts.createModule;
  try {
    const pyodide = await parts.loadPyodide({
      indexURL: '/',
      lockFileContents: parts.lock,
      packageBaseUrl: '/',
      env: { HOME: '/home/worker', PYTHONINSPECT: '', TZ: 'UTC', LANG: 'C.UTF-8' },
      // SECURITY: works once. Pyodide keeps its options; a second call with a forged heap would get hold of the snapshot that
      // all sandboxes of the cell share (test/integration/python-runs.test.ts).
      createPyodideModule: async (settings: object) => {
        const create = createModule;
        const memory = snapshot;
        createModule = snapshot = null;
        if (create === null) throw new Error('There is one interpreter in a sandbox.');
        const module = await create(settings);
        memory?.restore(module.HEAPU8);
        return module;
      },
      ...(snapshot === null ? { _makeSnapshot: true } : { _loadSnapshot: snapshot.head }),
    });
    if (parts.prelude !== null) installPrelude(pyodide, parts.prelude);
    if (final) {
      shell.close();
      closeWasm(globals);
      const api = (pyodide as { _api?: { tests?: object; scheduleCallback?: object } })._api;
      closeCode(globals, [api?.tests]);
      // The event loop keeps it where a worker finds it.
      if (api?.scheduleCallback !== undefined) Object.setPrototypeOf(api.scheduleCallback, null);
      // After Pyodide has made its own.
      silenceFinalizers(globalThis);
    }
    return pyodide;
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : `${error}`;
    throw new Error(`Python did not start: ${detail}\n${complaints.join('\n')}`);
  }
}

/** Makes ctx_guest.py the module `tick_runtime`. */
function installPrelude(pyodide: Pyodide, text: string): void {
  const quoted = JSON.stringify(text);
  pyodide.runPython(`
import sys, types
_module = types.ModuleType('${GUEST_MODULE}')
sys.modules['${GUEST_MODULE}'] = _module
exec(compile(${quoted}, '<${GUEST_MODULE}>', 'exec'), _module.__dict__)
del _module
`);
}

export function takeSnapshot(pyodide: Pyodide): ArrayBuffer {
  pyodide.runPython('import tick_runtime; tick_runtime._before_snapshot()');
  return packSnapshot(pyodide.makeMemorySnapshot()).buffer;
}
