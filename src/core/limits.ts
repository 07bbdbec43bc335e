/** Sizes and times that bound what a worker can cost. Each is a default; those with a setting say so in the config schema. */
export const KiB = 1024;
export const MiB = 1024 * 1024;

export interface StateLimits {
  /** UTF-8 bytes of a key. */
  readonly keyBytesMax: number;
  /** UTF-8 bytes of a value as JSON. */
  readonly valueBytesMax: number;
  /** Keys and values of one worker together, bytes. */
  readonly totalBytesMax: number;
  readonly keysMax: number;
  /** Nesting of arrays and objects in a value. */
  readonly depthMax: number;
}

export const STATE_LIMITS: StateLimits = {
  keyBytesMax: 256,
  valueBytesMax: 512 * KiB,
  totalBytesMax: 16 * MiB,
  keysMax: 10_000,
  depthMax: 64,
};

export const MEMORY_BYTES_DEFAULT = { javascript: 64 * MiB, python: 256 * MiB } as const;

/** Interval of an ordinary worker; `schedule.minInterval` of the platform may lower the lower end. */
export const INTERVAL_MS_MIN = 1_000;
export const INTERVAL_MS_MAX = 3_600_000;
export const INTERVAL_MS_DEFAULT = 10_000;

export const TICK_TIMEOUT_MS = 60_000;
export const SETUP_TIMEOUT_MS = 60_000;
export const ON_ERROR_TIMEOUT_MS = 10_000;
export const LOAD_TIMEOUT_MS = 30_000;
/** What a suspended tick may still do after its calls were rejected with TickTimeoutError. */
export const TIMEOUT_GRACE_MS = 1_000;

export const MAX_ERRORS_DEFAULT = 5;

/** Error text that leaves a sandbox. */
export const ERROR_MESSAGE_CHARS_MAX = 4_096;
export const ERROR_STACK_CHARS_MAX = 16_384;

/** Log lines: characters of one line, lines per ten seconds and worker. */
export const LOG_LINE_CHARS_MAX = 10_000;
export const LOG_LINES_PER_10S = 1_000;

/** Calls from one worker to the node that have not been answered. */
export const CALLS_OPEN_MAX = 32;
/** Calls that one tick may make. */
export const CALLS_PER_TICK_MAX = 1_000;
/** JSON of one call's arguments, and of its result. */
export const CALL_JSON_BYTES_MAX = 8 * MiB;

/** JSON of all calls that one tick makes, arguments and results together. */
export const CALL_BYTES_PER_TICK_MAX = 64 * MiB;

/** Durable calls of one worker that are open, or whose outcome no tick has seen. They are part of every commit. */
export const INTENTS_MAX = 32;
/** JSON of the request and of the result that one of them keeps. */
export const INTENT_REQUEST_BYTES_MAX = 16 * KiB;
export const INTENT_RESULT_BYTES_MAX = 16 * KiB;
/** For how long after its intent a durable call may be acted on where the options do not say it; a shorter lease shortens it. */
export const DURABLE_WINDOW_MS = 10_000;
/** How far the clocks of nodes and services may be apart. */
export const CLOCK_SKEW_MS = 1_000;
/** How long an adapter may take to find out what became of one, ms, and how many are asked at once per worker. */
export const RESOLVE_MS_MAX = 10_000;
export const RESOLVES_MAX = 4;

/** How long a sandbox may take to tell its whole state, beyond what the run in it has left, ms. */
export const DUMP_MS_MAX = 30_000;

/** Source text of one worker, all files together. */
export const SOURCE_BYTES_MAX = 1 * MiB;
/** One worker's code after bundling. */
export const BUNDLE_BYTES_MAX = 8 * MiB;
