/** One run of a guest (loading it, or one call of its functions) and its clock, which stands still while the node holds it. */
import type { Address, FromCell, GuestError, LoadFailure, LoadReport, RunOutcome, StreamEntry } from '../protocol.ts';

/** What the node says of a run when it orders it. */
export interface RunLimits {
  readonly run: number;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly cpuLimitMs?: number;
}

/** One entry into a guest; `run` is null for what the node asks besides. */
export interface SliceLimits {
  readonly run: Run | null;
  readonly since: number;
  readonly limitMs: number;
}

/** Looked at while it runs. */
export interface RunningSlice extends SliceLimits {
  nextDrainAt: number;
  disposedAt: number | null;
  /** Of the cell's clock: when it was entered, and what it had used at the last look. */
  readonly cpuFrom: number;
  cpuSeen: number;
}

export class Run {
  readonly id: number;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly startedAt: number;
  /** From the order until the guest was entered: other guests had the slots. */
  readonly waitedMs: number;
  readonly cpuLimitMs: number;
  #cpuEndMs: number;
  readonly cpuBeforeMs: number;
  /** The node knows that it has begun. */
  told = false;
  /** The guest wrote its end. */
  ended = false;
  report: LoadReport | null = null;
  error: GuestError | null = null;
  /** In its guest, waiting left out. */
  insideMs = 0;
  phase: 'running' | 'expired' | 'overspent' | 'cancelled' = 'running';
  #deadline: number;
  #leftWhenHeld: number | null = null;

  constructor(order: {
    readonly id: number;
    readonly timeoutMs: number;
    readonly graceMs: number;
    readonly askedAt?: number;
    readonly now: number;
    readonly cpuBeforeMs: number;
    readonly cpuLimitMs?: number | undefined;
  }) {
    this.id = order.id;
    this.timeoutMs = order.timeoutMs;
    this.graceMs = order.graceMs;
    this.startedAt = order.now;
    this.waitedMs = order.now - (order.askedAt ?? order.now);
    this.cpuBeforeMs = order.cpuBeforeMs;
    this.cpuLimitMs = order.cpuLimitMs ?? Number.POSITIVE_INFINITY;
    this.#cpuEndMs = order.cpuBeforeMs + this.cpuLimitMs;
    this.#deadline = order.now + order.timeoutMs;
  }

  /** Milliseconds until the time (or the grace after it) is over. */
  leftMs(now: number): number {
    return this.#leftWhenHeld ?? this.#deadline - now;
  }

  /** `cpuMs`: what its guest has used by now, all runs together. */
  hasOverspent(cpuMs: number): boolean {
    return cpuMs > this.#cpuEndMs;
  }

  get held(): boolean {
    return this.#leftWhenHeld !== null;
  }

  hold(now: number): void {
    if (this.phase === 'running') this.#leftWhenHeld ??= Math.max(1, this.#deadline - now);
  }

  /** What took so long was not the run's doing. */
  extend(ms: number, cpuMs: number): void {
    if (!this.held) this.#deadline += ms;
    this.#cpuEndMs += cpuMs;
  }

  resume(now: number): void {
    if (this.#leftWhenHeld === null) return;
    this.#deadline = now + this.#leftWhenHeld;
    this.#leftWhenHeld = null;
  }

  /** Time is over: what is left is the grace. */
  expire(now: number): void {
    this.phase = 'expired';
    this.#leftWhenHeld = null;
    this.#deadline = now + this.graceMs;
  }
}

/** What a run that ended so is told to have thrown. */
export function errorOf(run: Run, outcome: RunOutcome): GuestError | null {
  switch (outcome) {
    case 'ok':
      return null;
    case 'error':
      return run.error;
    case 'timeout': {
      const what = run.id === 0 ? 'Running the module body' : 'The call';
      const message = `${what} took longer than ${run.timeoutMs / 1_000} s and was ended.`;
      return { name: 'TickTimeoutError', message, stack: run.error?.stack ?? '' };
    }
    case 'memory':
      return { ...OUT_OF_MEMORY.error, stack: run.error?.stack ?? '' };
    case 'cpu': {
      const message = `The call used more CPU time than its limit of ${run.cpuLimitMs / 1_000} s.`;
      return { name: 'CpuLimitError', message, stack: run.error?.stack ?? '' };
    }
    case 'cancelled':
      return { name: 'CancelledError', message: 'The call was ended because the worker was stopped.', stack: '' };
  }
}

/** What a load that ended like this is told as; without a report even `ok` is a failure. */
export const LOAD_FAILURES: Readonly<Record<RunOutcome, LoadFailure>> = {
  timeout: 'TICK_TIMEOUT',
  memory: 'MEMORY_LIMIT',
  cpu: 'TICK_TIMEOUT',
  error: 'USER_ERROR',
  ok: 'INTERNAL',
  cancelled: 'INTERNAL',
};

/** What the node is told of a run that is over; times in milliseconds. */
export interface RunEnding {
  readonly outcome: RunOutcome;
  readonly error: GuestError | null;
  readonly durationMs: number;
  readonly cpuMs: number;
  readonly intact: boolean;
  /** The last of the guest's stream. */
  readonly entries?: readonly StreamEntry[] | undefined;
}

export function endedMessage(
  address: Address,
  run: Pick<Run, 'id' | 'waitedMs' | 'insideMs'>,
  ending: RunEnding,
): FromCell {
  const { entries, outcome, error, durationMs, cpuMs, intact } = ending;
  return {
    kind: 'ended',
    ...address,
    run: run.id,
    ...(entries === undefined ? undefined : { entries }),
    outcome,
    ...(error === null ? undefined : { error }),
    waitedMs: microseconds(run.waitedMs),
    durationMs: microseconds(durationMs),
    insideMs: microseconds(run.insideMs),
    cpuMs: microseconds(cpuMs),
    intact,
  };
}

export const microseconds = (ms: number): number => Math.round(ms * 1_000) / 1_000;

/** Of runs that could not begin. */
export const OUT_OF_MEMORY = {
  outcome: 'memory',
  error: { name: 'MemoryError', message: 'The worker used more memory than its limit.', stack: '' },
} as const;
export const CANNOT_RUN = {
  outcome: 'error',
  error: { name: 'InternalError', message: 'the sandbox cannot run now', stack: '' },
} as const;

export const NO_REPORT: GuestError = { name: 'InternalError', message: 'the worker ended without a report', stack: '' };
