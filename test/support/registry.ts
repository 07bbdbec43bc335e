/** Workers on parts that the test chooses: its own clock, scheduler or cells, with the stores in memory. */
import { onTestFinished } from 'vitest';
import { Dispatcher } from '../../src/bridge/dispatcher.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { newId } from '../../src/core/ids.ts';
import type { LogRecord, RuntimeEvents, TickRecord } from '../../src/index.ts';
import type { StateStore } from '../../src/store/contracts.ts';
import { MemoryRecordStore, MemoryStateStore } from '../../src/store/memory.ts';
import type { CellPool } from '../../src/supervisor/cell-pool.ts';
import { startReconciler } from '../../src/supervisor/reconciler.ts';
import { Scheduler } from '../../src/supervisor/scheduler.ts';
import { Turns } from '../../src/supervisor/turns.ts';
import { WorkerRegistry } from '../../src/supervisor/worker-registry.ts';

export interface RegistryOptions {
  readonly pool: CellPool;
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  readonly store?: StateStore;
  /** Parks every worker that waits longer than this, ms. */
  readonly parkAboveMs?: number;
}

export interface RegistryUnderTest {
  readonly registry: WorkerRegistry;
  readonly ticks: readonly TickRecord[];
  readonly logs: readonly LogRecord[];
  readonly states: readonly RuntimeEvents['worker'][];
  /** What the engine said about itself. */
  readonly engineLog: readonly string[];
  /** The fields of those lines. */
  readonly engineFields: readonly (Record<string, unknown> | undefined)[];
}

export function createRegistry(options: RegistryOptions): RegistryUnderTest {
  const { pool, clock = systemClock, store = new MemoryStateStore(), parkAboveMs = Number.POSITIVE_INFINITY } = options;
  const scheduler = options.scheduler ?? new Scheduler(clock);
  const turns = new Turns({ clock, cores: 2, onOverload: () => undefined });
  const ticks: TickRecord[] = [];
  const logs: LogRecord[] = [];
  const states: RuntimeEvents['worker'][] = [];
  const engineLog: string[] = [];
  const engineFields: (Record<string, unknown> | undefined)[] = [];
  const registry = new WorkerRegistry({
    services: {
      clock,
      scheduler,
      pool,
      turns,
      dispatcher: new Dispatcher([]),
      log: (level, message, fields) => {
        engineLog.push(`${level}: ${message}`);
        engineFields.push(fields);
      },
      newId,
      phase: () => 0,
      readState: (worker) => store.read(worker),
      obstacle: () => null,
      mayPark: (_self, _recyclable, waitMs) => waitMs > parkAboveMs,
      parkLeadMs: 5_000,
      world: null,
      mayAct: () => true,
      durableWindowMs: 10_000,
      onTick: (record) => ticks.push(record),
      onLog: (record) => logs.push(record),
      onState: (event) => states.push(event),
    },
    store,
    records: new MemoryRecordStore(),
    minIntervalMs: 10,
    onStored: () => undefined,
  });
  const stopReconciler = startReconciler(clock, () => registry.reconcile());
  onTestFinished(async () => {
    stopReconciler();
    scheduler.stop();
    turns.close();
    await pool.close();
  });
  return { registry, ticks, logs, states, engineLog, engineFields };
}
