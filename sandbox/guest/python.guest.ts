/**
 * The Python driver: one Pyodide interpreter in this isolate, with ctx_guest.py as the module `tick_runtime` inside. Between
 * the two only text, numbers and promises of text cross. Bundled on its own (completion value: {@link createPython}); the cell
 * hands the driver to the prelude by `useDriver`.
 */
import type { GuestError, LoadReport } from '../protocol.ts';
import type { CodedError, Driver, GuestCore } from './contract.guest.ts';
import {
  type BootParts,
  bootPyodide,
  openShell,
  type Pyodide,
  type PythonFunction,
  takeSnapshot,
} from './python-boot.guest.ts';
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

const MESSAGE_CHARS = 4_096;
const STACK_CHARS = 16_384;

/** What Python code threw: described in Python, where the exception itself stays. */
class PythonFailure extends Error {
  readonly described: GuestError;

  constructor(described: GuestError) {
    super(described.message);
    this.described = described;
  }
}

function createPythonDriver(pyodide: Pyodide, shell: Shell): Driver {
  const python = pyodide.pyimport('tick_runtime');
  const entry = (name: string): PythonFunction => {
    const value = python[name];
    if (value === undefined) throw new Error(`tick_runtime has no ${name}`);
    return value;
  };
  const runFunction = entry('_run');
  let core: GuestCore | null = null;

  /** Python's entry points answer with JSON: `{"ok": …}` or `{"error": …}`. */
  async function enter(call: Promise<unknown>): Promise<unknown> {
    const answer = JSON.parse(String(await call)) as { ok?: unknown; error?: GuestError };
    if (answer.error !== undefined) throw new PythonFailure(answer.error);
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
      return (await enter(entry('_load').callPromising(files, spec.entry))) as LoadReport;
    },
    async run(fn, error) {
      const seed = core?.world()?.seed ?? null;
      shell.entropy.useSeed(seed);
      await enter(runFunction.callPromising(fn, error === null ? '' : JSON.stringify(error), seed ?? undefined));
    },
    describe(thrown) {
      if (thrown instanceof PythonFailure) return thrown.described;
      return describeBreakage(thrown);
    },
  };
}

/** Not a Python exception: the interpreter itself broke (its memory, its stack). The sandbox must be thrown away. */
function describeBreakage(thrown: unknown): GuestError {
  const error = thrown as Partial<Error> | null;
  const read = (get: () => unknown, fallback: string): string => {
    try {
      return String(get() ?? fallback);
    } catch {
      return fallback;
    }
  };
  const message = read(() => error?.message ?? thrown, 'unknown').slice(0, MESSAGE_CHARS);
  return {
    name: 'InterpreterError',
    message: `The Python interpreter stopped working: ${message}`.slice(0, MESSAGE_CHARS),
    stack: read(() => error?.stack, '').slice(0, STACK_CHARS),
  };
}

/** The functions that ctx_guest.py calls; every argument and result is text, a number, or a promise of text. */
function createBridge(core: GuestCore): object {
  const { state } = core;
  const parse = JSON.parse;
  const stringify = JSON.stringify;
  /** Errors cross as data: Python raises its own class for them. */
  const failure = (error: unknown): string => {
    const { name, message, code } = error as CodedError;
    return `!${stringify({ name, message, code })}`;
  };
  const guarded = (body: () => string): string => {
    try {
      return body();
    } catch (error) {
      return failure(error);
    }
  };
  const done = (body: () => void): string =>
    guarded(() => {
      body();
      return '';
    });
  const settled = (promise: Promise<string | void>): Promise<string> => promise.then((json) => json ?? 'null', failure);
  return {
    get: (key: string) => guarded(() => state.get(key) ?? ''),
    set: (key: string, json: string) => done(() => state.set(key, json)),
    update: (json: string) => done(() => state.update(parse(json) as [string, string][])),
    delete: (key: string) => guarded(() => (state.delete(key) ? 'true' : 'false')),
    keys: () => stringify(state.keys()),
    all: () => {
      let text = '';
      for (const key of state.keys()) text += `${text === '' ? '' : ','}${stringify(key)}:${state.get(key) ?? 'null'}`;
      return `{${text}}`;
    },
    flush: () => settled(state.flush()),
    log: (level: 'debug' | 'info' | 'warn' | 'error', text: string, fields: string) =>
      core.log(level, text, fields === '' ? null : fields),
    call: (capability: string, argsJson: string) => settled(core.call(capability, argsJson)),
    sleep: (ms: number) => settled(core.sleep(ms)),
    worker: () => stringify(core.worker()),
  };
}
