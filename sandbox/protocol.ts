/**
 * Every message between node and cell, and every entry that a guest writes into its stream. A frame on the pipe is a
 * 4-byte big-endian length and a UTF-8 JSON array of messages. Both sides check what they read: a cell is untrusted.
 */

export const PROTOCOL_VERSION = 4;

/** Largest frame either side accepts, checked before anything is buffered. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024;

/** File descriptors of the wire in a cell: it reads 3 and writes 4 (blocking, so that a slow node slows the cell). */
export const CELL_READ_FD = 3;
export const CELL_WRITE_FD = 4;

/** File descriptor of the board (cell/board.ts), and what its words (Float64) mean: then come {@link Inside} of each. */
export const CELL_BOARD_FD = 5;
export const BOARD = { VERSION: 0, COUNT: 1, FIRST: 2, WORDS_EACH: 3, WORDS: 4_096, WRITTEN: 2 } as const;

/** `fatal` of a cell that cannot make sandboxes any more: no worker in it is to blame. */
export const GUEST_NOT_MADE = 'a sandbox could not be made in time';

/** Python's own half of the guest, joined in this order; all of it is inside the memory snapshot. */
export const PYTHON_PRELUDE_FILES = ['values_guest.py', 'ctx_guest.py', 'imports_guest.py', 'worker_guest.py'] as const;

/** What runs guests in a cell. */
export type Backend = 'isolate' | 'pyodide';

/** A function of the worker that the engine calls. */
export type GuestFunction = 'setup' | 'tick' | 'resume' | 'on_error';

/** What a guest threw, as data: bounded, with the stack as the guest's engine printed it (unmapped). */
export interface GuestError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** One capability as the guest sees it: `ctx.<adapter>.<method>`. The node decides whether a call is allowed. */
export interface CapabilityInfo {
  readonly adapter: string;
  /** Name in JavaScript, camelCase; Python gets the snake_case form. */
  readonly method: string;
  /** Names of positional arguments, camelCase; both languages turn positional and named arguments into one object. */
  readonly parameters: readonly string[];
  /** How many of them JavaScript takes in order; the rest goes into one options object. Default: all. */
  readonly positional?: number;
  /** Its adapter has `unresolved`. */
  readonly durable?: true;
}

/** Where the parts of a guest's ring are: header words (Int32), then UTF-16 units. */
export const RING = {
  BYTES: 64 * 1024,
  /** Int32 index: units written. */
  HEAD: 0,
  /** Int32 index: calls that hold the run open. A run is over when its end was written and this is 0. */
  OPEN: 1,
  /** Bytes before the first unit. */
  DATA: 64,
} as const;

/** Everything a sandbox needs to load one worker. */
export interface LoadSpec {
  /** `workspace/name`, for messages only. */
  readonly worker: string;
  readonly name: string;
  readonly version: string;
  readonly language: 'javascript' | 'python';
  /** JavaScript: one bundled classic script whose completion value is the module's exports object. */
  readonly code?: string;
  /** Python: path → text of each file, and which one is the worker. */
  readonly files?: Readonly<Record<string, string>>;
  readonly entry: string;
  readonly params: unknown;
  readonly connected: Readonly<Record<string, unknown>>;
  readonly capabilities: readonly CapabilityInfo[];
  /** Names of adapters that exist but are not connected, with the sentence that says how to connect them. */
  readonly unconnected: Readonly<Record<string, string>>;
  /** Saved state: key → JSON text. */
  readonly state: readonly (readonly [key: string, json: string])[];
  readonly limits: SandboxLimits;
}

export interface SandboxLimits {
  readonly memoryBytes: number;
  readonly loadTimeoutMs: number;
  readonly stateKeyBytes: number;
  readonly stateValueBytes: number;
  readonly stateTotalBytes: number;
  readonly stateKeys: number;
  readonly stateDepth: number;
  readonly logLineChars: number;
  readonly logLinesPer10s: number;
  readonly callsOpen: number;
  readonly callsPerTick: number;
  readonly callJsonBytes: number;
  readonly callBytesPerTick: number;
}

/** `ctx.worker` for one call. Times are Unix milliseconds. */
export interface RunInfo {
  readonly tick: number;
  readonly intervalMs: number | null;
  readonly dueAt: number;
  readonly lastTickAt: number | null;
  /** Why the worker runs: `deploy`, `start`, `restart`, or an engine cause such as `cell-lost`, `node-restart`. */
  readonly startedBy: string;
}

/** Supplied time and randomness (simulation, rehearsal). Absent: the real ones. */
export interface GuestWorld {
  readonly nowMs?: number;
  readonly seed?: number;
}

/** One guest is addressed by its slot in the cell and its incarnation: a late message for an earlier one is dropped. */
export interface Address {
  readonly sandbox: number;
  readonly incarnation: number;
}

/** A guest that runs, and the processor time that it used when the cell last looked, which it does every 50 ms. */
export interface Inside extends Address {
  readonly busyMs: number;
}

export type ToCell =
  | {
      readonly kind: 'init';
      readonly protocol: number;
      readonly backend: Backend;
      /** The bundled prelude, a classic script (see guest/prelude.guest.ts). */
      readonly prelude: string;
      /** Python backend: bundled python.guest.ts, and the file that holds the memory snapshot. */
      readonly pythonScript?: string;
      readonly snapshotFile?: string;
      /** Make a memory snapshot, write it as `snapshot` messages, and end. */
      readonly makeSnapshot?: boolean;
      readonly slots: number;
    }
  | { readonly kind: 'slots'; readonly count: number }
  | ({ readonly kind: 'load'; readonly spec: LoadSpec } & Address)
  | ({
      readonly kind: 'run';
      readonly run: number;
      readonly fn: GuestFunction;
      readonly timeoutMs: number;
      readonly graceMs: number;
      /** CPU time of the run, ms. Absent: no limit of its own. */
      readonly cpuLimitMs?: number;
      readonly info: RunInfo;
      readonly world?: GuestWorld;
      /** Adapter → JSON of what `ctx.<adapter>.unresolved` shows; only where there is something to show. */
      readonly unresolved?: Readonly<Record<string, string>>;
      /** For `on_error`. */
      readonly error?: GuestError;
    } & Address)
  /** The clock of this run stands still until the next `reply` (the node waits for its own store). */
  | ({ readonly kind: 'hold'; readonly run: number } & Address)
  | ({ readonly kind: 'reply'; readonly call: number; readonly json: string; readonly heldMs?: number } & Address)
  | ({
      readonly kind: 'refuse';
      readonly call: number;
      readonly code: string;
      readonly message: string;
      readonly heldMs?: number;
    } & Address)
  /** Say everything that the guest's state holds, as entries of its stream: behind what it does now, whether a run waits or not. */
  | ({ readonly kind: 'dump'; readonly dump: number } & Address)
  /**
   * Between two runs: the guest's state is changed from outside. Each key gets its JSON text, or goes where it is null; with `replace`
   * every other key goes too. It is not said again as writes of the guest: the node knows it.
   */
  | ({
      readonly kind: 'patch';
      readonly patch: number;
      readonly replace: boolean;
      readonly changes: readonly (readonly [key: string, json: string | null])[];
    } & Address)
  /** End the run in flight now, as `stopped`. */
  | ({ readonly kind: 'cancel'; readonly run: number } & Address)
  | ({ readonly kind: 'unload' } & Address);

/** How a run ended, as the cell sees it. */
export type RunOutcome = 'ok' | 'error' | 'timeout' | 'memory' | 'cpu' | 'cancelled';

export type FromCell =
  | { readonly kind: 'hello'; readonly protocol: number; readonly pid: number; readonly node: string }
  | { readonly kind: 'ready'; readonly rssBytes: number }
  | { readonly kind: 'snapshot'; readonly base64: string; readonly last: boolean }
  | ({ readonly kind: 'loaded'; readonly report: LoadReport } & Address)
  | ({ readonly kind: 'load-failed'; readonly code: LoadFailure; readonly error: GuestError } & Address)
  /** Said once of a run that goes on after its first slice, or for a while in it: since when, before its first `stream` or `settled`. */
  | ({ readonly kind: 'started'; readonly forMs: number } & Address)
  | ({ readonly kind: 'settled' } & Address)
  /** `text` is a JSON array of {@link StreamEntry}, in the order in which the guest wrote them. */
  | ({ readonly kind: 'stream'; readonly entries: readonly StreamEntry[] } & Address)
  | ({
      readonly kind: 'ended';
      readonly run: number;
      /** The last of the guest's stream: as a `stream` right before. */
      readonly entries?: readonly StreamEntry[];
      readonly outcome: RunOutcome;
      readonly error?: GuestError;
      /** From the order until the guest was entered. */
      readonly waitedMs: number;
      /** From then on. */
      readonly durationMs: number;
      /** Of that, what its code ran: without waiting, and with what it lacked of a processor. */
      readonly insideMs: number;
      readonly cpuMs: number;
      /** False: the sandbox is unusable and was thrown away. */
      readonly intact: boolean;
    } & Address)
  | ({ readonly kind: 'unloaded' } & Address)
  /** This guest cannot be ended; only killing the cell helps. */
  | ({ readonly kind: 'stuck'; readonly cause: 'memory' | 'timeout' | 'damage' } & Address)
  | { readonly kind: 'fatal'; readonly message: string };

export type LoadFailure =
  | 'CODE_INVALID'
  | 'USER_ERROR'
  | 'TICK_TIMEOUT'
  | 'MEMORY_LIMIT'
  | 'STATE_CORRUPT'
  | 'INTERNAL';

export interface LoadReport {
  readonly functions: readonly GuestFunction[];
  /** Python only: `setup` assigns module globals (the node finds it out for JavaScript). */
  readonly setupBindsGlobals: boolean;
  readonly durationMs: number;
}

/**
 * What a guest does that reaches the node, in order:
 * - `['s', key, json]` set, `['d', key]` delete
 * - `['l', level, text, fields JSON or null, guest time ms]` a log line; `['n', count]` lines dropped by the rate limit
 * - `['q', call, 'adapter.method', args JSON]` a capability call; `['f', call]` `state.flush` (answered by the node)
 * - `['b', dump]` its whole state begins; `['v', key, json]` one key of it; `['w', dump, keys]` it was whole, with that many
 *   keys; null instead of the number: it will not become whole. What was written before is in it, and nothing that comes later
 * - `['p', patch, done]` what came before was written before the patch, what comes later after it. False: it would break a
 *   limit, and nothing of it was done; null: nobody knows how much of it was, and the guest must not be used again
 */
export type StreamEntry =
  | readonly ['s', string, string]
  | readonly ['d', string]
  | readonly ['l', LogLevel, string, string | null, number]
  | readonly ['n', number]
  | readonly ['q', number, string, string]
  | readonly ['f', number]
  | readonly ['b', number]
  | readonly ['v', string, string]
  | readonly ['w', number, number | null]
  | readonly ['p', number, boolean | null];

/**
 * What a guest writes into its ring, each as a length (two UTF-16 units, low first) and text:
 * - `s<key length>:<key><json>` and `d<key>`: state; `v<key length>:<key><json>`: one key of the whole state; `j<JSON>`: one of
 *   {@link RingEvent}; `k`: the run ended well.
 */
export type RingEvent =
  | Exclude<StreamEntry, readonly ['s' | 'v', string, string] | readonly ['d', string]>
  /** Several keys at once, never torn apart: the cell takes the whole entry or nothing. */
  | readonly ['u', readonly (readonly [string, string])[]]
  /** A timer: the cell answers it after so many milliseconds; a negative number takes it back. */
  | readonly ['t', number, number]
  /** The run ended; for `load` with its report. */
  | readonly ['e', 'ok', LoadReport]
  | readonly ['e', 'error', GuestError];

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
