/**
 * Every failure of the engine has one of the codes below. Who is at fault, whether trying again can help and how the
 * CLI exits are look-ups in this table, never decisions made where the error is thrown.
 */

/** Whose fault a failure is: it decides whether a worker's error count grows (only `worker`). */
export type Fault = 'worker' | 'operator' | 'external' | 'engine';

export interface ErrorRule {
  readonly fault: Fault;
  /** May the same call succeed later without anyone changing anything? */
  readonly retry: boolean;
  /** HTTP status for the API. */
  readonly status: number;
  /** Exit code of a CLI command that ends with this error. */
  readonly exit: number;
}

const rule = (fault: Fault, retry: boolean, status: number, exit: number): ErrorRule => ({
  fault,
  retry,
  status,
  exit,
});

/** Code → rule. `docs/errors.md` lists the same codes; a test keeps the two in step. */
export const ERRORS = {
  // The operator's input.
  CONFIG_INVALID: rule('operator', false, 400, 2),
  CONFIG_NOT_FOUND: rule('operator', false, 404, 2),
  NODE_TOO_OLD: rule('operator', false, 500, 3),
  JAIL_UNAVAILABLE: rule('operator', false, 500, 3),
  DATA_LOCKED: rule('operator', false, 409, 4),
  DATA_UNUSABLE: rule('operator', false, 500, 4),
  WORKER_NOT_FOUND: rule('operator', false, 404, 2),
  WORKER_EXISTS: rule('operator', false, 409, 2),
  ILLEGAL_TRANSITION: rule('operator', false, 409, 2),
  NOT_RUNNING: rule('operator', false, 409, 2),
  SIDECAR_FAILED: rule('operator', false, 500, 5),
  STORE_UNUSABLE: rule('operator', false, 500, 4),
  STATE_CONFLICT: rule('operator', false, 409, 4),
  CELLS_EXHAUSTED: rule('operator', true, 503, 5),
  // The worker's code.
  CODE_INVALID: rule('worker', false, 422, 2),
  USER_ERROR: rule('worker', false, 500, 1),
  TICK_TIMEOUT: rule('worker', false, 504, 1),
  MEMORY_LIMIT: rule('worker', false, 500, 1),
  CPU_LIMIT: rule('worker', false, 500, 1),
  CALL_LIMIT: rule('worker', false, 429, 1),
  OUTPUT_LIMIT: rule('worker', false, 413, 1),
  STATE_INVALID: rule('worker', false, 422, 1),
  STATE_LIMIT: rule('worker', false, 413, 1),
  NOT_CONNECTED: rule('worker', false, 409, 1),
  BAD_ARGUMENT: rule('worker', false, 400, 1),
  EGRESS_DENIED: rule('worker', false, 403, 1),
  SANDBOX_CRASH: rule('worker', true, 500, 1),
  // The world outside.
  UPSTREAM_FAILED: rule('external', true, 502, 1),
  STORE_UNAVAILABLE: rule('external', true, 503, 4),
  // The engine itself.
  CELL_LOST: rule('engine', true, 503, 1),
  CELL_PROTOCOL: rule('engine', true, 500, 1),
  CELL_START_FAILED: rule('engine', true, 500, 5),
  FENCED: rule('engine', false, 409, 6),
  STALE: rule('engine', true, 409, 1),
  STATE_CORRUPT: rule('engine', false, 500, 4),
  STOPPED: rule('engine', false, 503, 0),
  INTERNAL: rule('engine', false, 500, 1),
} as const satisfies Record<string, ErrorRule>;

export type ErrorCode = keyof typeof ERRORS;

/** The one error class. `message` says what happened and what to do about it. */
export class RuntimeError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RuntimeError';
    this.code = code;
    this.details = options.details;
  }

  get rule(): ErrorRule {
    return ERRORS[this.code];
  }
}

/** Turns anything thrown into a {@link RuntimeError}; what is not one already becomes `INTERNAL`. */
export function toRuntimeError(thrown: unknown): RuntimeError {
  if (thrown instanceof RuntimeError) return thrown;
  if (thrown instanceof Error) return new RuntimeError('INTERNAL', thrown.message, { cause: thrown });
  return new RuntimeError('INTERNAL', String(thrown));
}
