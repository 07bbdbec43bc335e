/** What a sandbox is told when one of a worker's functions is called. */
import type { GuestError, GuestFunction } from '../../sandbox/protocol.ts';
import { TIMEOUT_GRACE_MS } from '../core/limits.ts';
import { shownIntents } from './intents.ts';
import type { RunOrder } from './session.ts';
import type { WorkerSelf } from './worker-self.ts';

/** Of a tick: its slot, and when the one before began. Unix ms. */
export interface RunSlot {
  readonly dueAt?: number;
  /** The same on the monotonic clock. */
  readonly dueMono?: number;
  readonly lastTickAt?: number | null;
}

/** `error` is for `on_error`. */
export function runOrder(
  { id, head, definition, services }: WorkerSelf,
  fn: GuestFunction,
  timeoutMs: number,
  slot: RunSlot,
  error?: GuestError,
): RunOrder {
  const { schedule, cpuLimitMs } = definition.settings;
  const dueAt = slot.dueAt ?? services.clock.wallMs();
  const world = services.world?.({ worker: id, fn, tick: head.tick, dueAt }) ?? null;
  const order: RunOrder = {
    fn,
    timeoutMs,
    graceMs: TIMEOUT_GRACE_MS,
    ...(cpuLimitMs === null ? undefined : { cpuLimitMs }),
    info: {
      tick: head.tick,
      intervalMs: schedule.kind === 'interval' ? schedule.intervalMs : null,
      dueAt,
      lastTickAt: slot.lastTickAt === undefined ? head.lastTickAt : slot.lastTickAt,
      startedBy: head.startedBy,
    },
  };
  const unresolved = shownIntents(head.intents);
  if (error === undefined && world === null && unresolved === null) return order;
  return {
    ...order,
    ...(error === undefined ? {} : { error }),
    ...(world === null ? {} : { world }),
    ...(unresolved === null ? {} : { unresolved }),
  };
}
