/**
 * The seam inside the guest: prelude.guest.ts implements {@link GuestCore} (state, calls, logs, the stream out of the
 * sandbox) once; a language driver turns the user's program into something that can be loaded and called. JavaScript's driver
 * is javascript.guest.ts, Python's python.guest.ts (with ctx_guest.py on top of Pyodide).
 */
import type { GuestError, GuestFunction, GuestWorld, LoadReport, LoadSpec, LogLevel, RunInfo } from '../protocol.ts';

/** What `ctx.worker` shows, read at the moment of the call. */
export interface WorkerView extends RunInfo {
  readonly name: string;
  readonly version: string;
  /** Milliseconds left in this call. */
  readonly timeLeftMs: number;
}

/** Errors that core throws or rejects with: `name` is `StateError`, `TickTimeoutError`, `CallError`, … and `code` an engine code. */
export interface CodedError extends Error {
  code: string;
}

export interface GuestCore {
  readonly spec: LoadSpec;
  readonly state: {
    /** JSON text, or undefined. */
    get(key: string): string | undefined;
    /** `json` must be valid JSON text; throws a CodedError (STATE_LIMIT, STATE_INVALID). */
    set(key: string, json: string): void;
    update(entries: readonly (readonly [key: string, json: string])[]): void;
    delete(key: string): boolean;
    keys(): string[];
    /** Resolves when everything written so far is stored. */
    flush(): Promise<void>;
  };
  /** Cuts and rate-limits by itself; never throws. `fields` is a JSON object text or null. */
  log(level: LogLevel, text: string, fields: string | null): void;
  /** `capability` is `adapter.method`; resolves with JSON text, rejects with a CodedError. */
  call(capability: string, argsJson: string): Promise<string>;
  /** Ends with the run: then it rejects. */
  sleep(ms: number): Promise<void>;
  /** `setTimeout` and `setInterval`; timers end with the run. */
  setTimer(callback: unknown, ms: unknown, repeat: boolean, args: readonly unknown[]): number;
  clearTimer(id: unknown): void;
  worker(): WorkerView;
  /** JSON list of the durable calls of an adapter that the run in flight is shown. */
  unresolved(adapter: string): string;
  /** Supplied time and randomness of the run in flight. */
  world(): GuestWorld | null;
}

export interface Driver {
  /** Runs the module body. Throws what the user's code threw; `problem` in {@link describe} turns it into data. */
  load(core: GuestCore): LoadReport | Promise<LoadReport>;
  /** Calls a function of the worker that {@link LoadReport.functions} named. May return a promise. */
  run(fn: GuestFunction, error: GuestError | null): unknown;
  /** The state was changed from outside, between two runs: what the driver remembers of it is old. */
  statePatched?(): void;
  /** Anything thrown, as bounded data. Must not run user code outside its own try. */
  describe(thrown: unknown): GuestError;
}
