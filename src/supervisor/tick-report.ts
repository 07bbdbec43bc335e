/** How the end of a run is told: the record for the tick log and the line for the worker's own log. Pure. */
import type { GuestError, LogLevel } from '../../sandbox/protocol.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { TickRecord, WorkerId } from '../store/contracts.ts';
import { headOf, loadProblem } from './load-problem.ts';
import type { RunResult } from './run-result.ts';

export interface RunTimes {
  /** Unix ms. */
  readonly dueAt: number;
  readonly startedAt: number;
  readonly latenessMs: number;
  readonly skipped: number;
}

export function tickRecord(
  worker: WorkerId,
  tick: number,
  fn: 'setup' | 'tick',
  result: RunResult,
  times: RunTimes,
): TickRecord {
  const { outcome, durationMs, cpuMs, error } = result;
  return {
    worker,
    tick,
    fn,
    outcome,
    ...times,
    // To the moment when its code began: what it waited for in its cell is not its own time.
    latenessMs: times.latenessMs + result.waitedMs,
    durationMs,
    cpuMs,
    errorCode: errorCodeOf(result),
    errorMessage: error === null ? null : describeError(error),
  };
}

/** What the worker's log says about a run that was not ok; null for nothing. */
export function failureLine(fn: string, result: RunResult): { readonly level: LogLevel; readonly text: string } | null {
  if (result.error === null || result.outcome === 'ok' || result.outcome === 'cancelled') return null;
  if (result.loss?.culprit === false) {
    const text = `${fn} was lost with its cell, through no fault of this worker; what it wrote before is kept.`;
    return { level: 'warn', text };
  }
  return { level: 'error', text: `${fn} failed: ${describeError(result.error)}` };
}

/** Name, message and mapped stack, each once. */
export function describeError(error: GuestError): string {
  const head = `${error.name}: ${error.message}`;
  if (error.stack === '') return head;
  return error.stack.includes(error.message) ? error.stack : `${head}\n${error.stack}`;
}

/** Why code could not be loaded: for one line the exception comes first, with its place; then the stack. */
export function loadReason(error: GuestError, described: string): string {
  if (!described.startsWith('Traceback ')) return described;
  const { file, line } = loadProblem(error, '');
  const where = file === '' ? '' : ` (${file}, line ${line})`;
  return `${headOf(error)}${where}\n${described}`;
}

/** Is the worker to blame? A cell lost to someone else, a stop, a store that is away never count. */
export function isBlamed(result: RunResult): boolean {
  if (result.outcome === 'ok' || result.outcome === 'cancelled') return false;
  return result.loss === null || result.loss.culprit;
}

function errorCodeOf(result: RunResult): ErrorCode | null {
  switch (result.outcome) {
    case 'ok':
      return null;
    case 'error':
      return 'USER_ERROR';
    case 'timeout':
      return 'TICK_TIMEOUT';
    case 'memory':
      return 'MEMORY_LIMIT';
    case 'cpu':
      return 'CPU_LIMIT';
    case 'cell-lost':
      return result.loss?.culprit === true ? 'SANDBOX_CRASH' : 'CELL_LOST';
    case 'cancelled':
      return 'STOPPED';
  }
}
