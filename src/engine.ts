/**
 * The only place where the parts are put together: opened in order, closed in reverse. What happens to a worker is in
 * worker-slot.ts, which worker there is in worker-registry.ts.
 */
import { availableParallelism, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { createBuiltInAdapters } from '../adapters/index.ts';
import type { LogLevel } from '../sandbox/protocol.ts';
import { Dispatcher } from './bridge/dispatcher.ts';
import { readSearchPath } from './config/environment.ts';
import { CleanupStack } from './core/cleanup.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { RuntimeError } from './core/errors.ts';
import { EventSource } from './core/events.ts';
import { newId } from './core/ids.ts';
import { DURABLE_WINDOW_MS, MiB } from './core/limits.ts';
import { parseWorkerId } from './core/worker-id.ts';
import type {
  Overload,
  Runtime,
  RuntimeEvents,
  RuntimeOptions,
  RuntimeStatus,
  StoreStatus,
  UnsavedWorker,
  WorkerStatus,
} from './runtime.ts';
import { checkedWorld, checkListener, checkRuntimeOptions } from './runtime-options.ts';
import type { LogRecord, MinuteRecord, TickRecord } from './store/contracts.ts';
import { type OpenStores, openStores } from './store/open-stores.ts';
import type { LeaseState, NodeInfo } from './store/placement.ts';
import { CellPool, SLOTS_PER_CORE } from './supervisor/cell-pool.ts';
import { createGuestSupply } from './supervisor/guest-supply.ts';
import { chooseWall } from './supervisor/jail.ts';
import type { Wall } from './supervisor/jail-commands.ts';
import { Parking } from './supervisor/parking.ts';
import { startReconciler } from './supervisor/reconciler.ts';
import { Scheduler } from './supervisor/scheduler.ts';
import type { SlotServices } from './supervisor/slot-services.ts';
import { SpreadPolicy } from './supervisor/spread.ts';
import { Turns } from './supervisor/turns.ts';
import { WorkerRegistry } from './supervisor/worker-registry.ts';
import { closeCompiler } from './workers/esbuild-service.ts';

const STOP_GRACE_MS = 10_000;
/** What has to be left of the lease when a durable call is sent: it must arrive before another node could ask about it. */
const ACT_MS_MIN = 1_000;
const CELLS_MAX = 32;
const CELL_AGE_MS = 6 * 3_600_000;
const CELL_RUNS = 10_000_000;
const WORKERS_PER_CELL = { javascript: 1_000, python: 40 } as const;

interface Parts {
  readonly stores: Stores;
  readonly registry: WorkerRegistry;
  readonly pool: CellPool;
  readonly turns: Turns;
}

type Stores = Omit<OpenStores, 'kind' | 'close'> & { readonly kind: StoreStatus['kind'] };

/** Creates an engine; nothing is opened before {@link Runtime.start}. @throws RuntimeError CONFIG_INVALID */
export function createRuntime(options: RuntimeOptions): Runtime {
  checkRuntimeOptions(options);
  return new Engine(options);
}

class Engine implements Runtime {
  readonly #options: RuntimeOptions;
  readonly #clock: Clock;
  readonly #log: (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;
  readonly #events: EventSource<RuntimeEvents>;
  readonly #cleanup = new CleanupStack();
  #parts: Parts | null = null;
  #phase: 'new' | 'starting' | 'running' | 'stopping' | 'stopped' = 'new';
  #stopping: Promise<void> | null = null;
  #unsaved: readonly UnsavedWorker[] = [];
  #starting: Promise<void> = Promise.resolve();
  readonly #standby = new AbortController();
  readonly #node: NodeInfo = { node: newId(), host: hostname(), pid: process.pid };

  constructor(options: RuntimeOptions) {
    // Cells run in another folder, so a relative path would mean another file there.
    this.#options = { ...options, dataDir: resolve(options.dataDir) };
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? (() => undefined);
    this.#events = new EventSource((error) => this.#log('error', `an event listener failed: ${error}`));
  }

  async start(): Promise<void> {
    if (this.#phase !== 'new')
      throw new RuntimeError('ILLEGAL_TRANSITION', 'An engine is started once; create another one.');
    this.#phase = 'starting';
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    try {
      this.#parts = await this.#open();
      await this.#parts.registry.restore();
      this.#phase = 'running';
    } catch (error) {
      this.#phase = 'stopped';
      await this.#cleanup.closeAll();
      throw error;
    }
  }

  async #open(): Promise<Parts> {
    const options = this.#options;
    this.#cleanup.push('the compiler', closeCompiler);
    const wall = this.#chooseWall();
    // Before anything of the stores is touched, and before a wait for another node.
    if (options.sandbox?.jail === 'required') await wall;
    const stores = await this.#openStores();
    const { state, records } = stores;
    const dispatcher = new Dispatcher([...createBuiltInAdapters(options), ...(options.adapters ?? [])]);
    this.#cleanup.push('the adapters', () => dispatcher.close());
    const supply = await createGuestSupply({ cacheDir: join(options.dataDir, 'cache'), log: this.#log, wall });
    const cells = options.cells ?? {};
    const pool = new CellPool(
      {
        ...supply,
        cellsMax: cells.max ?? CELLS_MAX,
        workersPerCell: {
          isolate: cells.workersPerCell?.javascript ?? WORKERS_PER_CELL.javascript,
          pyodide: cells.workersPerCell?.python ?? WORKERS_PER_CELL.python,
        },
        growthBytes: cells.memoryBytes ?? 512 * MiB,
        recycle: { ageMs: cells.ageMsMax ?? CELL_AGE_MS, runs: cells.runsMax ?? CELL_RUNS },
        onEvent: (event) => this.#events.emit('cell', event),
      },
      availableParallelism() * SLOTS_PER_CORE,
    );
    const turns = new Turns({
      clock: this.#clock,
      cores: availableParallelism(),
      onOverload: (overload, over) => this.#onOverload(overload, over),
    });
    this.#cleanup.push('the turns', () => turns.close());
    this.#cleanup.push('the cells', () => pool.close());
    const scheduler = new Scheduler(this.#clock);
    this.#cleanup.push('the scheduler', () => scheduler.stop());
    const spread = new SpreadPolicy(options.spread ?? true, this.#clock);
    const parking = new Parking(cells.residentPython);
    const services: SlotServices = {
      clock: this.#clock,
      scheduler,
      pool,
      turns,
      dispatcher,
      log: this.#log,
      newId,
      phase: (worker, schedule) => spread.phase(worker, schedule),
      readState: (worker) => state.read(worker),
      obstacle: stores.obstacle,
      mayPark: (self, recyclable, waitMs) => parking.mayPark(self, recyclable, waitMs, () => registry.residentPython),
      parkLeadMs: parking.leadMs,
      world: options.world === undefined ? null : checkedWorld(options.world),
      // One node owns all of its workers for as long as it runs.
      durableWindowMs: Math.min(
        options.durableWindowMs ?? DURABLE_WINDOW_MS,
        options.placement?.leaseMs ?? Number.POSITIVE_INFINITY,
      ),
      mayAct: () => stores.placement === null || stores.placement.leftMs > ACT_MS_MIN,
      onTick: (record) => {
        records.appendTick(record);
        this.#events.emit('tick', record);
      },
      onLog: (record) => {
        records.appendLog(record);
        this.#events.emit('log', record);
      },
      onState: (event) => this.#events.emit('worker', event),
    };
    const registry = new WorkerRegistry({
      services,
      store: state,
      records,
      minIntervalMs: options.minIntervalMs,
      onStored: (event) => this.#events.emit('state', event),
    });
    this.#cleanup.push(
      'the reconciler',
      startReconciler(this.#clock, () => registry.reconcile()),
    );
    stores.placement?.watch((lease, reason) => this.#onLease(lease, reason));
    return { stores, registry, pool, turns };
  }

  /** Found out while the stores are opened: cells wait for it. */
  #chooseWall(): Promise<Wall> {
    const closing = new AbortController();
    const signal = AbortSignal.any([closing.signal, this.#standby.signal]);
    const mode = this.#options.sandbox?.jail ?? 'auto';
    const wall = chooseWall({ mode, searchPath: readSearchPath(), log: this.#log, signal });
    const settled = wall.then(
      () => undefined,
      () => undefined,
    );
    this.#cleanup.push('the trial of a jail', () => {
      closing.abort();
      return settled;
    });
    return wall;
  }

  async #openStores(): Promise<Stores> {
    const { stateStore, recordStore } = this.#options;
    const none = { placement: null, obstacle: () => null };
    if (stateStore !== undefined && recordStore !== undefined)
      return { kind: 'own', state: stateStore, records: recordStore, ...none };
    const node = this.#node;
    const opened = await openStores({
      ...this.#options,
      clock: this.#clock,
      log: this.#log,
      node,
      signal: this.#standby.signal,
      onStandby: (owner) => {
        const who = owner === null ? 'another node' : `process ${owner.pid} on ${owner.host}`;
        this.#events.emit('placement', { state: 'standby', reason: `${who} owns the workers`, owner });
      },
    });
    this.#cleanup.push('the stores', () => opened.close());
    if (opened.placement !== null)
      this.#events.emit('placement', { state: 'held', reason: 'this node owns the workers', owner: node });
    return {
      ...opened,
      kind: stateStore === undefined ? opened.kind : 'own',
      state: stateStore ?? opened.state,
      records: recordStore ?? opened.records,
    };
  }

  #onOverload(overload: Overload, over: boolean): void {
    const { workspace, waiting, oldestMs } = overload;
    const text = over
      ? `workspace ${workspace} is not overloaded any more`
      : `workspace ${workspace} is overloaded: ${waiting} runs wait for their turn, one for ${Math.round(oldestMs)} ms`;
    this.#log(over ? 'info' : 'warn', text, { workspace });
    this.#events.emit('overload', { ...overload, over });
  }

  /** What runs without a lease is cut: another node may run the same by now. */
  #onLease(state: LeaseState, reason: string): void {
    this.#log(state === 'held' ? 'info' : 'error', `placement: ${reason}`, { state });
    this.#events.emit('placement', { state, reason, owner: null });
    const parts = this.#parts;
    if (parts === null || parts.stores.obstacle() === null) return;
    if (state === 'lost') parts.registry.abandon(new RuntimeError('FENCED', `This node was stopped: ${reason}.`));
    else parts.registry.cutRuns();
  }

  stop(options: { readonly graceMs?: number; readonly now?: boolean } = {}): Promise<void> {
    if (options.now === true) this.#parts?.registry.cancelAll();
    this.#stopping ??= this.#stop(options);
    return this.#stopping;
  }

  async #stop(options: { readonly graceMs?: number; readonly now?: boolean }): Promise<void> {
    this.#standby.abort();
    await this.#starting.catch(() => undefined);
    const parts = this.#parts;
    this.#phase = 'stopping';
    let unsaved: () => readonly UnsavedWorker[] = () => [];
    if (parts !== null) {
      const grace = options.now === true ? 0 : (options.graceMs ?? STOP_GRACE_MS);
      unsaved = await parts.registry.suspendAll(grace);
      await parts.stores.records.flush();
    }
    await this.#cleanup.closeAll();
    this.#phase = 'stopped';
    this.#unsaved = unsaved();
  }

  get unsaved(): readonly UnsavedWorker[] {
    return this.#unsaved;
  }

  get #running(): Parts {
    if (this.#parts === null || this.#phase !== 'running')
      throw new RuntimeError('NOT_RUNNING', 'The engine is not running; call start() first.');
    return this.#parts;
  }

  async deploy(worker: Parameters<Runtime['deploy']>[0]): Promise<WorkerStatus> {
    return this.#running.registry.deploy(worker);
  }
  async check(worker: Parameters<Runtime['check']>[0]): Promise<void> {
    return this.#running.registry.check(worker);
  }
  async startWorker(name: string): Promise<WorkerStatus> {
    return this.#running.registry.startWorker(parseWorkerId(name));
  }
  async stopWorker(name: string, options: { readonly now?: boolean } = {}): Promise<WorkerStatus> {
    return this.#running.registry.stopWorker(parseWorkerId(name), options.now ?? false);
  }
  async restartWorker(name: string, options: { readonly now?: boolean } = {}): Promise<WorkerStatus> {
    return this.#running.registry.restartWorker(parseWorkerId(name), options.now ?? false);
  }
  async removeWorker(name: string, options: { readonly now?: boolean } = {}): Promise<void> {
    return this.#running.registry.removeWorker(parseWorkerId(name), options.now ?? false);
  }
  async reconfigure(name: string, patch: Parameters<Runtime['reconfigure']>[1]): Promise<WorkerStatus> {
    return this.#running.registry.reconfigure(parseWorkerId(name), patch);
  }

  status(): RuntimeStatus {
    const { registry, pool, turns, stores } = this.#running;
    const store = {
      kind: stores.kind,
      ack: stores.kind === 'redis+postgres' ? (this.#options.state?.ack ?? 'redis') : null,
      lag: stores.state.lag?.() ?? null,
      lease: stores.placement?.state ?? null,
    };
    return {
      node: this.#node,
      workers: registry.statuses(),
      cells: pool.status(),
      overloaded: turns.overloads,
      store,
    };
  }
  worker(name: string): WorkerStatus {
    return this.#running.registry.status(parseWorkerId(name));
  }
  /** @throws RuntimeError WORKER_NOT_FOUND */
  #known(name: string): { readonly worker: string } {
    const worker = parseWorkerId(name);
    this.#running.registry.status(worker);
    return { worker };
  }

  async readState(name: string): Promise<Record<string, unknown>> {
    const id = parseWorkerId(name);
    const stored = await this.#running.stores.state.read(id);
    if (stored === null) throw new RuntimeError('WORKER_NOT_FOUND', `There is no worker ${id}.`);
    return Object.fromEntries(stored.entries.map(([key, json]) => [key, JSON.parse(json) as unknown]));
  }
  async inspectState(name: string): ReturnType<Runtime['inspectState']> {
    return this.#running.registry.state.inspect(parseWorkerId(name));
  }
  async writeState(name: string, changes: Parameters<Runtime['writeState']>[1]): ReturnType<Runtime['writeState']> {
    return this.#running.registry.state.write(parseWorkerId(name), changes);
  }
  async replaceState(
    name: string,
    entries: Parameters<Runtime['replaceState']>[1],
    { create = false }: { readonly create?: boolean } = {},
  ): ReturnType<Runtime['replaceState']> {
    return this.#running.registry.state.replace(parseWorkerId(name), entries, create);
  }
  async exportState(name: string): ReturnType<Runtime['exportState']> {
    return this.#running.registry.state.export(parseWorkerId(name));
  }
  async stateCopies(name: string): ReturnType<Runtime['stateCopies']> {
    return this.#running.registry.state.copies(parseWorkerId(name));
  }
  async resolveState(
    name: string,
    take: 'redis' | 'postgres',
    { force = false }: { readonly force?: boolean } = {},
  ): ReturnType<Runtime['resolveState']> {
    return this.#running.registry.state.resolve(parseWorkerId(name), take, force);
  }
  async renameWorker(name: string, newName: string): Promise<void> {
    return this.#running.registry.state.rename(parseWorkerId(name), parseWorkerId(newName));
  }
  async ticks(name: string, limit = 100): Promise<readonly TickRecord[]> {
    const { worker } = this.#known(name);
    return this.#running.stores.records.ticks(worker, atLeastNone(limit));
  }
  async minutes(name: string, limit = 100): Promise<readonly MinuteRecord[]> {
    const { worker } = this.#known(name);
    return this.#running.stores.records.minutes(worker, atLeastNone(limit));
  }
  async logs(query: Parameters<Runtime['logs']>[0] = {}): Promise<readonly LogRecord[]> {
    const { name, limit = 100, minLevel } = query;
    return this.#running.stores.records.logs({
      limit: atLeastNone(limit),
      ...(name === undefined ? {} : this.#known(name)),
      ...(minLevel === undefined ? {} : { minLevel }),
    });
  }

  on<Name extends keyof RuntimeEvents & string>(
    name: Name,
    listener: (event: RuntimeEvents[Name]) => void,
  ): () => void {
    checkListener(name, listener);
    return this.#events.on(name, listener);
  }
}

const atLeastNone = (limit: number): number => Math.max(0, Math.trunc(limit));
