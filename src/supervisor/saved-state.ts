/** The state that a new sandbox begins with. A store that is away is waited for: that is nobody's error. */
import { toRuntimeError } from '../core/errors.ts';
import type { WorkerSelf } from './worker-self.ts';

export type SavedState = readonly (readonly [key: string, json: string])[];

const RETRY_MS = 1_000;

/** Key → JSON text; null when `ended` became true before the store answered. `sleep` is cut short by then. */
export async function readSavedState(
  self: WorkerSelf,
  sleep: (ms: number) => Promise<void>,
  ended: () => boolean,
): Promise<SavedState | null> {
  const claimed = self.ledger.claimedEntries;
  if (claimed !== null) return ended() ? null : claimed;
  while (!ended()) {
    try {
      const state = await self.services.readState(self.id);
      self.onStoreAway(false, '');
      return state;
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      if (error.code !== 'STORE_UNAVAILABLE') throw error;
      self.onStoreAway(true, error.message);
      await sleep(RETRY_MS);
    }
  }
  return null;
}
