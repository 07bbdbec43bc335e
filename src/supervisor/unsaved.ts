/**
 * Which workers an engine that stops leaves behind without their last changes being stored. A store tries to the last, so that is
 * known only when it is closed; until then such a worker is `stopping`.
 */
import type { UnsavedWorker } from '../runtime.ts';
import type { StateStore } from '../store/contracts.ts';
import type { WorkerSlot } from './worker-slot.ts';

/** Called before the ledgers are closed; what it returns, after the store is. */
export function noteEnds(slots: readonly WorkerSlot[], store: StateStore): () => readonly UnsavedWorker[] {
  const ends = slots
    // One that is another owner's, or whose stored state is not ours, has said so.
    .filter(({ self }) => self.ledger.lost === null)
    .map((slot) => ({ slot, sent: slot.self.ledger.sent, settled: slot.self.ledger.settled }))
    .sort((a, b) => (a.slot.self.id < b.slot.self.id ? -1 : 1));
  return () =>
    ends.flatMap(({ slot, sent, settled }) => {
      const { self } = slot;
      const progress = store.progress?.(self.id) ?? null;
      const kept = settled || (progress !== null && sent !== null && progress.first >= sent);
      const onlyInRedis = progress !== null && progress.all < progress.first;
      if (!kept || onlyInRedis) return [{ worker: self.id, onlyInRedis, unacknowledged: !kept }];
      if (self.state === 'stopping') self.to('stopped', null);
      return [];
    });
}
