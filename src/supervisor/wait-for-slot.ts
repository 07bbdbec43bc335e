/** The wait of a worker for its next slot, in which people's orders are carried out. */
import type { Alarm, Wake } from './alarm.ts';
import type { Session } from './session.ts';
import type { Due } from './worker-clock.ts';
import type { WorkerSelf } from './worker-self.ts';

/**
 * Resolves with `due`, or with what makes the life look at everything again; `over` says that it is to end. A slot that comes while
 * an order is carried out is ticked all the same, and before the next order: neither keeps the other waiting for long.
 */
export async function waitForSlot(
  self: WorkerSelf,
  alarm: Alarm,
  due: Due,
  session: Session,
  over: () => boolean,
): Promise<Wake> {
  const { desk, definition, services } = self;
  for (;;) {
    if (desk.waiting && services.clock.monoMs() < due.dueMono) {
      await desk.serve(session);
      // Nobody heard what was called meanwhile.
      if (over() || !session.alive || self.definition !== definition) return 'changed';
      continue;
    }
    const why = await alarm.until(due.dueMono);
    if (why !== 'order') return why;
  }
}
