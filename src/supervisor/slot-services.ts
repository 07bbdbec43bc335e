/** What the engine lends to every worker slot. */
import type { GuestWorld, LogLevel } from '../../sandbox/protocol.ts';
import type { Dispatcher } from '../bridge/dispatcher.ts';
import type { Clock } from '../core/clock.ts';
import type { RuntimeEvents, WorldCall } from '../runtime.ts';
import type { Claimed, LogRecord, TickRecord } from '../store/contracts.ts';
import type { Schedule } from '../workers/definition.ts';
import type { CellPool } from './cell-pool.ts';
import type { Scheduler } from './scheduler.ts';
import type { Turns } from './turns.ts';
import type { WorkerSelf } from './worker-self.ts';

export interface SlotServices {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly pool: CellPool;
  readonly turns: Turns;
  readonly dispatcher: Dispatcher;
  readonly log: (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;
  readonly newId: () => string;
  /** Where in its interval a starting worker has its grid, ms; 0 without spreading. */
  readonly phase: (worker: string, schedule: Schedule) => number;
  /** What is stored of a worker; null for nothing. */
  readonly readState: (worker: string) => Promise<Claimed | null>;
  /** Why nothing may run, be sent or be acknowledged now: this node's lease does not hold. Null while it may. */
  readonly obstacle: () => string | null;
  /** Should this worker give its memory back until shortly before its next tick? */
  readonly mayPark: (self: WorkerSelf, recyclable: boolean, waitMs: number) => boolean;
  /** A parked worker is loaded this long before it is due, ms. */
  readonly parkLeadMs: number;
  /** Supplied time and randomness for one call of a worker; null for the real ones. */
  readonly world: ((call: WorldCall) => GuestWorld | null) | null;
  /**
   * May this node act for the worker right now? Asked right before a durable call is sent, when its intent is stored: a lease
   * may have ended meanwhile.
   */
  /** For how long after its intent a durable call may be acted on, ms. */
  readonly durableWindowMs: number;
  readonly mayAct: (worker: string) => boolean | Promise<boolean>;
  readonly onTick: (record: TickRecord) => void;
  readonly onLog: (record: LogRecord) => void;
  readonly onState: (event: RuntimeEvents['worker']) => void;
}
