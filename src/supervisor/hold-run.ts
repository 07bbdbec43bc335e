/** A run begins only while this node may run the worker. What keeps it from that is nobody's error, and ends by itself or with the node. */
import { NOT_RUN, type RunResult } from './run-result.ts';
import type { RunOrder, Session } from './session.ts';
import type { WorkerSelf } from './worker-self.ts';

const LOOK_MS = 100;

/** Waits, then runs; does not run what was lost or ended meanwhile, and not what must never run again. */
export async function runWhenAllowed(
  self: WorkerSelf,
  session: Session,
  dueMono: number,
  order: () => RunOrder,
): Promise<RunResult> {
  const { services } = self;
  for (let why = services.obstacle(); why !== null; why = services.obstacle()) {
    if (self.state === 'stopping' || !session.alive || self.ledger.lost !== null) return NOT_RUN;
    self.onStoreAway(true, why);
    await new Promise<void>((resolve) => {
      services.clock.after(LOOK_MS, resolve);
    });
    if (services.obstacle() === null) self.onStoreAway(false, '');
  }
  return session.run(order(), dueMono);
}
