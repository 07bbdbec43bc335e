/**
 * The Python driver: one Pyodide interpreter in this isolate, with ctx_guest.py as the module `tick_runtime` inside. Between
 * the two only text, numbers and promises of text cross. Bundled on its own (completion value: {@link createPython}); the cell
 * hands the driver to the prelude by `useDriver`.
 */
import type { GuestError, GuestFunction, LoadReport } from '../protocol.ts';
import type { Driver, GuestCore } from './contract.guest.ts';
import {
  type BootParts,
  bootPyodide,
  openShell,
  type Pyodide,
  type PythonFunction,
  takeSnapshot,
} from './python-boot.guest.ts';
import { createBridge } from './python-bridge.guest.ts';
import { createTick } from './python-tick.guest.ts';
import type { Shell } from './shell.guest.ts';

/** What the cell drives a boot with; nothing of it is reachable for user code. */
export interface PythonGuest {
  /** Boots and returns the driver; user code may come then. */
  boot(parts: BootParts): Promise<Driver>;
  /** Boots without a snapshot and returns one. */
  makeSnapshot(parts: BootParts): Promise<ArrayBuffer>;
}

/** `seed`: {@link ENTROPY_SEED_BYTES} random bytes from the cell. */
export function createPython(seed: ArrayBuffer): PythonGuest {
  const shell = openShell(new Uint8Array(seed));
  return {
    async boot(parts) {
      return createPythonDriver(await bootPyodide(shell, parts, true), shell);
    },
    async makeSnapshot(parts) {
      return takeSnapshot(await bootPyodide(shell, parts, false));
    },
  };
}

const FUNCTIONS: readonly GuestFunction[] = ['setup', 'tick', 'resume', 'on_error'];
const NAME_CHARS = 128;
const MESSAGE_CHARS = 4_200;
const STACK_CHARS = 16_500;

/** What Python code threw: described in Python, where the exception itself stays. */
class PythonFailure extends Error {
  readonly described: GuestError;

  constructor(described: GuestError) {
    super(described.message);
    this.described = described;
  }
}

const cut = (value: unknown, max: number): string => String(value ?? '').slice(0, max);

/** SECURITY: a worker can replace what describes its errors; what leaves is bounded here. */
function bounded(error: GuestError): GuestError {
  return {
    name: cut(error.name, NAME_CHARS),
    message: cut(error.message, MESSAGE_CHARS),
    stack: cut(error.stack, STACK_CHARS),
  };
}

function parseReport(given: unknown): LoadReport {
  const { functions = [], setupBindsGlobals = false } = given as Partial<LoadReport>;
  return {
    functions: FUNCTIONS.filter((name) => functions.includes(name)),
    setupBindsGlobals: setupBindsGlobals === true,
    durationMs: 0,
  };
}

function createPythonDriver(pyodide: Pyodide, shell: Shell): Driver {
  const python = pyodide.pyimport('tick_runtime');
  const entry = (name: string): PythonFunction => {
    const value = python[name];
    if (value === undefined) throw new Error(`tick_runtime has no ${name}`);
    return value;
  };
  const runFunction = entry('_run');
  const forget = entry('_forget_state');
  const tick = createTick(pyodide, runFunction);
  /** Python is told with its next run, where its time limit holds. */
  let patched = false;
  let core: GuestCore | null = null;

  /** Python's entry points answer with JSON, `{"ok": …}` or `{"error": …}`, or with None, which needs no text. */
  async function enter(call: Promise<unknown>): Promise<unknown> {
    const text = await call;
    if (text === undefined) return undefined;
    const answer = JSON.parse(String(text)) as { ok?: unknown; error?: GuestError };
    if (answer.error !== undefined) throw new PythonFailure(bounded(answer.error));
    return answer.ok;
  }

  return {
    async load(given) {
      core = given;
      shell.timers = given;
      shell.onLine = (level, line) => given.log(level, line, null);
      const { spec } = given;
      entry('_connect')(
        createBridge(given),
        JSON.stringify({
          params: spec.params,
          connected: spec.connected,
          capabilities: spec.capabilities,
          unconnected: spec.unconnected,
          depth: spec.limits.stateDepth,
        }),
      );
      const files = JSON.stringify(spec.files ?? {});
      return parseReport(await enter(entry('_load').callPromising(files, spec.entry)));
    },
    async run(fn, error) {
      const seed = core?.world()?.seed ?? null;
      shell.entropy.useSeed(seed);
      if (patched) forget();
      patched = false;
      if (fn === 'tick' && seed === null) await enter(tick());
      else await enter(runFunction.callPromising(fn, error === null ? '' : JSON.stringify(error), seed ?? undefined));
    },
    statePatched() {
      patched = true;
    },
    describe(thrown) {
      if (thrown instanceof PythonFailure) return thrown.described;
      return describeBreakage(thrown);
    },
  };
}

/** What V8 says when it has no memory for a buffer: files of Python are such buffers, outside of the interpreter's own memory. */
const NO_BUFFER = /^(Array buffer allocation failed|Invalid (typed array|array buffer) length)/;

/** Not a Python exception: the interpreter itself broke (its memory, its stack). The sandbox must be thrown away. */
function describeBreakage(thrown: unknown): GuestError {
  const error = thrown as Partial<Error> | null;
  const read = (get: () => unknown, fallback: string): string => {
    try {
      return cut(get() ?? fallback, STACK_CHARS);
    } catch {
      return fallback;
    }
  };
  const message = read(() => error?.message ?? thrown, 'unknown');
  if (read(() => error?.name, '') === 'RangeError' && NO_BUFFER.test(message))
    return { name: 'MemoryError', message: 'There is no memory left, for a file or for a buffer.', stack: '' };
  return {
    name: 'InterpreterError',
    message: cut(`The Python interpreter stopped working: ${message}`, MESSAGE_CHARS),
    stack: read(() => error?.stack, ''),
  };
}
