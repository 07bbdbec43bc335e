/**
 * The state that a new sandbox begins with. A store that is away is waited for: that is nobody's error. One that holds another
 * revision than the last acknowledged one ends the worker: in a new sandbox it would pass for what the worker wrote.
 */
import { toRuntimeError } from '../core/errors.ts';
import type { WorkerSelf } from './worker-self.ts';

export type SavedState = readonly (readonly [key: string, json: string])[];

const RETRY_MS = 1_000;

/** @throws RuntimeError STALE, FENCED. Key → JSON text; null when `ended` became true before the store answered. `sleep` is cut short by then. */
export async function readSavedState(
  self: WorkerSelf,
  sleep: (ms: number) => Promise<void>,
  ended: () => boolean,
): Promise<SavedState | null> {
  const claimed = self.ledger.claimedEntries;
  if (claimed !== null) return ended() ? null : claimed;
  while (!ended()) {
    const from = self.ledger.revision;
    try {
      const stored = await self.services.readState(self.id);
      self.onStoreAway(false, '');
      // A start is committed while its sandbox is made: either side of that commit is right.
      if (stored !== null && self.ledger.isOwn(stored, from)) return stored.entries;
      throw self.ledger.foundStale(stored);
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      if (error.code !== 'STORE_UNAVAILABLE') throw error;
      self.onStoreAway(true, error.message);
      await sleep(RETRY_MS);
    }
  }
  return null;
}
