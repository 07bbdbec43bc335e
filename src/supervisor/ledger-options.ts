/** What a ledger is made with, and what it tells. */
import type { Clock } from '../core/clock.ts';
import type { RuntimeError } from '../core/errors.ts';
import type { StateLimits } from '../core/limits.ts';
import type { Claimed, StateChange, StateStore } from '../store/contracts.ts';

/**
 * What waits for a commit: nobody (`soon`: it may gather company), a run or an order (`now`), or something that rests on it for
 * good (`durable`: in every copy that the store keeps).
 */
export type CommitNeed = 'soon' | 'now' | 'durable';

export interface LedgerOptions {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly worker: string;
  readonly claimed: Claimed;
  readonly limits: StateLimits;
  /** The store did not answer, or answers again. */
  readonly onStore: (away: boolean, reason: string) => void;
  /** Another owner took over, or the stored state is not ours and cannot be repaired: nothing may be written any more. */
  readonly onLost: (error: RuntimeError) => void;
  /**
   * Asks the live sandbox for its whole state, which then comes by `beginDump` and its next two. How long it may take,
   * ms; null where there is no live sandbox.
   */
  readonly askDump: (dump: number) => number | null;
  /** The stored state was not ours and was written again: an incident. */
  readonly onRepaired: (repaired: Repaired) => void;
  readonly onStored: (changes: readonly StateChange[]) => void;
}

/** What was found in the store, and what is there now. */
export interface Repaired {
  /** The stored revision; 0 where the worker was not there, null where the epoch already was an older one. */
  readonly found: bigint | null;
  readonly ours: bigint;
  readonly revision: bigint;
  readonly keys: number;
}
