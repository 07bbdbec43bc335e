/**
 * The end of all workers together, when the engine stops. Runs in flight have their grace, in which a store that is away may come
 * back; then they are cut. Whoever has only the store to wait for by then is not waited for: it is away, and what was
 * not acknowledged was told to nobody. A store that does not answer at all has a little time more.
 */
import type { LogLevel } from '../../sandbox/protocol.ts';
import type { Clock } from '../core/clock.ts';
import type { WorkerSlot } from './worker-slot.ts';

export interface SuspendOptions {
  readonly slots: readonly WorkerSlot[];
  readonly clock: Clock;
  readonly log: (level: LogLevel, message: string) => void;
  readonly graceMs: number;
  /** Ends the grace. */
  readonly hurry: Promise<void>;
}

/** From the cut, or from the last worker that ended after it: the end of a run, and one commit. */
const STORE_MS_MAX = 3_000;
const LOOK_MS = 50;
/** Workers that the log line names. */
const NAMES_MAX = 10;

export async function suspendAll({ slots, clock, log, graceMs, hurry }: SuspendOptions): Promise<void> {
  const open = new Set(slots);
  const ended = Promise.all(
    slots.map(async (slot) => {
      try {
        await slot.end('suspend', false);
        // A person's change of a worker without a life may still wait for the store.
        if (isUnstored(slot)) await slot.self.commit('now').catch(() => undefined);
      } catch (error) {
        // What the others have is stored all the same, and their cells end.
        log('error', `ending ${slot.self.id} failed: ${error}`);
      }
      open.delete(slot);
    }),
  );
  await firstOf(clock, graceMs, [ended, hurry]);
  for (const slot of open) slot.cancel();
  for (let leftMs = STORE_MS_MAX; leftMs > 0 && open.size > 0; leftMs -= LOOK_MS) {
    if ([...open].every((slot) => slot.self.ledger.away)) break;
    const before = open.size;
    await firstOf(clock, LOOK_MS, [ended]);
    if (open.size < before) leftMs = STORE_MS_MAX;
  }
  const unstored = slots.filter(isUnstored);
  if (unstored.length > 0) log('warn', lineOf(unstored));
}

const isUnstored = ({ self }: WorkerSlot): boolean => self.ledger.lost === null && !self.ledger.settled;

function lineOf(unstored: readonly WorkerSlot[]): string {
  const names = unstored.slice(0, NAMES_MAX).map(({ self }) => self.id);
  const more = unstored.length > NAMES_MAX ? `, and ${unstored.length - NAMES_MAX} more` : '';
  const why = unstored.every(({ self }) => self.ledger.away) ? 'the store is away' : 'the store does not answer';
  return `stopped before the last changes were stored, ${why}: ${names.join(', ')}${more}`;
}

/** Resolves with the first of them, or after so many ms. */
async function firstOf(clock: Clock, ms: number, promises: readonly Promise<unknown>[]): Promise<void> {
  let cancel: () => void = () => undefined;
  const limit = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([...promises, limit]);
  cancel();
}
