/**
 * Looks at every worker every two seconds and repairs what should not happen: a wait that nothing ends, a run that its cell
 * never ends. A node that stood still itself (a suspended machine, a long stall) finds everything overdue at once when
 * it goes on, before it has read what its cells have said: then the look is left out, and the next one tells.
 */
import type { Clock } from '../core/clock.ts';

export const RECONCILE_MS = 2_000;
/** A look that comes later than this says more about the node than about its workers. */
const LATE_MS = 900;

/** Returns what ends it. */
export function startReconciler(clock: Clock, look: () => void): () => void {
  let cancel: () => void = () => undefined;
  function arm(): void {
    const due = clock.monoMs() + RECONCILE_MS;
    cancel = clock.after(RECONCILE_MS, () => {
      const lateMs = clock.monoMs() - due;
      arm();
      if (lateMs < LATE_MS) look();
    });
  }
  arm();
  return () => cancel();
}
