/** How a run ended, as its life hears it. */
import type { GuestError, RunOutcome } from '../../sandbox/protocol.ts';
import type { CellLoss } from './cell-loss.ts';

export interface RunResult {
  readonly outcome: RunOutcome | 'cell-lost';
  readonly error: GuestError | null;
  /** For its turn and in its cell, until the guest was entered. */
  readonly waitedMs: number;
  readonly durationMs: number;
  readonly cpuMs: number;
  /** The sandbox can be used again. */
  readonly intact: boolean;
  readonly loss: CellLoss | null;
}

/** What a lost cell means for the run that was in it. */
export function verdictOf(loss: CellLoss): Pick<RunResult, 'outcome' | 'error'> {
  const error = (name: string, message: string): GuestError => ({ name, message, stack: '' });
  if (!loss.culprit)
    return { outcome: 'cell-lost', error: error('CellLostError', `The cell was lost: ${loss.reason}.`) };
  switch (loss.cause) {
    case 'memory':
      return { outcome: 'memory', error: error('MemoryError', 'The worker used more memory than its limit.') };
    case 'timeout':
      return {
        outcome: 'timeout',
        error: error('TickTimeoutError', 'The call took too long and its process had to be ended.'),
      };
    case 'crash':
      return {
        outcome: 'cell-lost',
        error: error('SandboxCrashError', `The worker took its process down: ${loss.reason}.`),
      };
  }
}

/** Of a sandbox that nobody waits for any more. */
export const GIVEN_UP: CellLoss = {
  reason: 'the worker was stopped',
  suspect: false,
  culprit: false,
  cause: 'crash',
  killed: false,
};

/** Of a run that never began. */
export const NOT_RUN: RunResult = {
  outcome: 'cancelled',
  error: null,
  waitedMs: 0,
  durationMs: 0,
  cpuMs: 0,
  intact: false,
  loss: null,
};
