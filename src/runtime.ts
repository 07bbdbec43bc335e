/**
 * The public shape of the engine: what `createRuntime` takes and returns. The CLI and every embedder use this and nothing
 * else; engine.ts implements it.
 */
import type { Adapter } from '../adapters/adapter.ts';
import type { GuestFunction, GuestWorld, LogLevel } from '../sandbox/protocol.ts';
import type { Clock } from './core/clock.ts';
import type { ErrorCode } from './core/errors.ts';
import type { StateMethods } from './runtime-state.ts';
import type {
  LogRecord,
  MinuteRecord,
  RecordStore,
  StateChange,
  StateStore,
  StoreLag,
  TickRecord,
} from './store/contracts.ts';
import type { LeaseState, NodeInfo } from './store/placement.ts';
import type { WorkerState } from './supervisor/life.ts';
import type { Schedule, WorkerSource } from './workers/definition.ts';

/** A worker as it is deployed. Only `name` and `source` are required; durations are milliseconds. */
export interface WorkerOptions {
  readonly name: string;
  /** Default `default`. */
  readonly workspace?: string;
  readonly source: WorkerSource;
  /** Default: every 10 s. */
  readonly schedule?: Schedule;
  /** Consecutive errors after which the worker is stopped as `failed`. Default 5. */
  readonly maxErrors?: number;
  /** JSON; the worker reads it as `ctx.params`. Default `{}`. */
  readonly params?: unknown;
  /** Default 60,000. */
  readonly tickTimeoutMs?: number;
  /** Default 60,000. */
  readonly setupTimeoutMs?: number;
  /** Default 10,000. */
  readonly onErrorTimeoutMs?: number;
  /** CPU time of one call of `setup`, `tick`, `resume` or `on_error`, ms. Default null: bounded by their timeouts alone. */
  readonly cpuLimitMs?: number | null;
  /** Default 64 MiB for JavaScript, 256 MiB for Python. */
  readonly memoryBytes?: number;
  /** `dedicated` gives the worker a cell of its own. Default `shared`. */
  readonly isolation?: 'shared' | 'dedicated';
}

/** What {@link Runtime.reconfigure} may change; nothing of it needs a redeploy or loses state. */
export type WorkerPatch = Partial<Omit<WorkerOptions, 'name' | 'workspace' | 'source'>>;

export interface HttpOptions {
  /** Single `host:port`s with private addresses that workers may reach all the same. Default none. */
  readonly allowPrivate?: readonly string[];
  /** Longest time of one request, ms. Default 30,000. */
  readonly timeoutMs?: number;
  /** Largest decoded response body, bytes. Default 5 MiB. */
  readonly responseBytesMax?: number;
  /** Requests of one worker at the same time. Default 8. */
  readonly concurrentPerWorker?: number;
}

export interface CellOptions {
  /** Most cells at once. Default 32. */
  readonly max?: number;
  /** Workers in one cell: `javascript` default 1,000, `python` default 40. */
  readonly workersPerCell?: { readonly javascript?: number; readonly python?: number };
  /** Bytes that a cell may grow beyond what it measured when it was ready, not counting what its workers may use. Default 512 MiB. */
  readonly memoryBytes?: number;
  /** A cell that is older is replaced by a new one between ticks, ms; up to a fifth sooner or later. Default 6 hours. */
  readonly ageMsMax?: number;
  /** The same by the runs that it has done. Default 10,000,000. */
  readonly runsMax?: number;
  /** Python workers that stay resident; above it those with intervals of 5 min and more are parked. Default: from the machine's memory. */
  readonly residentPython?: number;
}

/** How cells are held, strongest first: by bubblewrap, by namespaces alone, or only by what Node itself refuses them. */
export type JailLevel = 'bubblewrap' | 'namespaces' | 'process';

export interface SandboxOptions {
  /**
   * `auto` (default): the strongest wall of the system that works. `required`: the engine does not start without one
   * (JAIL_UNAVAILABLE). `off`: none.
   */
  readonly jail?: 'auto' | 'off' | 'required';
}

export interface RetentionOptions {
  /** Ticks kept per worker. Default 1,000. */
  readonly ticksPerWorker?: number;
  /** Days for which ticks that were not ok are kept. Default 30. */
  readonly failedTickDays?: number;
  /** Bytes of log text over all workers. Default 256 MiB. */
  readonly logBytes?: number;
  /** Days for which log lines are kept. Default 30. */
  readonly logDays?: number;
  /** Bytes on disk of ticks, minutes and logs together; above it the oldest go. Default 1 GiB. State is not counted. */
  readonly diskBytes?: number;
}

/** PEM files by their paths. `verify` (default true): the certificate must be valid and name the host. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly verify?: boolean;
}

/** State in Postgres instead of the data folder. */
export interface PostgresStoreOptions {
  /** `postgres://user:password@host:5432/database` */
  readonly url: string;
  /** Default `tick_runtime`; made if it is not there. */
  readonly schema?: string;
  /** Connections at most. Default 8. */
  readonly poolSize?: number;
  readonly tls?: TlsOptions;
  /** Make and update the tables at start. Default true. */
  readonly migrate?: boolean;
}

/** The state of running workers in Redis, in front of Postgres. */
export interface RedisStoreOptions {
  /** `redis://`, `redis+sentinel://` or `redis+cluster://`; with `rediss` over TLS. */
  readonly url: string;
  /** Begins every key. Default `tick-runtime`. */
  readonly prefix?: string;
  readonly tls?: TlsOptions;
  /** How to log in to the sentinels; what `url` says is for Redis itself. Default: without a password. */
  readonly sentinel?: { readonly username?: string; readonly password: string };
}

/** How state travels from Redis to Postgres. */
export interface StateOptions {
  /** What must have a commit before it is acknowledged. Default `redis` where there is one. */
  readonly ack?: 'redis' | 'postgres';
  /** How long Postgres may lack what Redis has while both answer, ms. Default 5,000. */
  readonly checkpointMs?: number;
  /** And while Postgres does not: after that workers pause, ms. Default 60,000. */
  readonly unsyncedMs?: number;
}

/** Which nodes stand by for each other; with Postgres only. */
export interface PlacementOptions {
  /** Default `default`. */
  readonly group?: string;
  /** How long after its last word a node counts as dead, ms. Default 15,000. */
  readonly leaseMs?: number;
}

export interface RuntimeOptions {
  /** Folder for state, records and caches; created if missing, locked while the engine runs. */
  readonly dataDir: string;
  readonly http?: HttpOptions;
  readonly cells?: CellOptions;
  readonly sandbox?: SandboxOptions;
  readonly retention?: RetentionOptions;
  /** Smallest interval in ms. Default 1,000; a platform may go down to 10. */
  readonly minIntervalMs?: number;
  /** Spread workers that start together over their interval. Default true. */
  readonly spread?: boolean;
  /**
   * How long after its intent a durable call may be acted on (its `notAfter`), ms, 500 to 600,000. One that failed and is not found is
   * `absent` a second after that. Default 10,000; a shorter lease shortens it.
   */
  readonly durableWindowMs?: number;
  /** Own capabilities; a worker reaches them as `ctx.<name>`. */
  readonly adapters?: readonly Adapter[];
  /** Without it state is kept in the data folder. */
  readonly postgres?: PostgresStoreOptions;
  /** Only together with `postgres`. */
  readonly redis?: RedisStoreOptions;
  readonly state?: StateOptions;
  readonly placement?: PlacementOptions;
  /** Own stores instead of the built-in ones. */
  readonly stateStore?: StateStore;
  readonly recordStore?: RecordStore;
  readonly clock?: Clock;
  /**
   * Time and randomness as a worker sees them in one call, for simulation and rehearsal: `Date` and Python's clocks stand still at
   * `nowMs`, random numbers follow `seed`. Default: the real ones.
   */
  readonly world?: (call: WorldCall) => GuestWorld | null;
  /** Lines about the engine itself. Default: nowhere. */
  readonly log?: (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;
}

/** One call of a worker's function, as {@link RuntimeOptions.world} sees it. */
export interface WorldCall {
  /** `workspace/name`. */
  readonly worker: string;
  readonly fn: GuestFunction;
  readonly tick: number;
  /** Unix ms. */
  readonly dueAt: number;
}

/** What a person sees of a worker. Times are Unix ms. */
export interface WorkerStatus {
  readonly workspace: string;
  readonly name: string;
  readonly state: WorkerState;
  readonly desired: 'running' | 'stopped';
  /** Why it is in this state, when there is something to say. */
  readonly reason: string | null;
  readonly version: string | null;
  readonly language: 'python' | 'javascript' | null;
  /** Null for a worker that is stored but was not deployed to this node; the same holds for `maxErrors`. */
  readonly schedule: Schedule | null;
  /** Number of the last tick that began. */
  readonly tick: number;
  readonly consecutiveErrors: number;
  readonly maxErrors: number | null;
  readonly skipped: number;
  readonly lastOutcome: string | null;
  readonly lastTickAt: number | null;
  readonly nextTickAt: number | null;
  /** Pid of its cell, where it has one. */
  readonly cell: number | null;
  readonly stateBytes: number;
  readonly stateKeys: number;
}

export interface CellStatus {
  readonly pid: number;
  readonly workspace: string;
  readonly backend: 'isolate' | 'pyodide';
  readonly purpose: 'shared' | 'dedicated' | 'probation';
  readonly workers: number;
  readonly rssBytes: number;
  /** Runs that ended in it. */
  readonly runs: number;
  /** It is being replaced and takes no more workers. */
  readonly retiring: boolean;
  readonly jail: JailLevel;
}

/** Where state is kept, and how well. */
export interface StoreStatus {
  readonly kind: 'embedded' | 'postgres' | 'redis+postgres' | 'own';
  /** Which of two stores has to have a commit before it is acknowledged; null where there are not two. */
  readonly ack: 'redis' | 'postgres' | null;
  /** What Redis has and Postgres lacks because its checkpoints fail or are overdue; null while all is well. */
  readonly lag: StoreLag | null;
  /** Null where the lock of the data folder is all there is. */
  readonly lease: LeaseState | null;
}

/** A workspace whose runs are due faster than its share of the processors can do them. */
export interface Overload {
  readonly workspace: string;
  /** Runs that are due and wait for their turn. */
  readonly waiting: number;
  /** For how long the one that waits longest has waited, ms. */
  readonly oldestMs: number;
}

export interface RuntimeStatus {
  readonly node: NodeInfo;
  readonly workers: readonly WorkerStatus[];
  readonly cells: readonly CellStatus[];
  /** Workspaces that had runs waiting for more than a second, within the last ten. */
  readonly overloaded: readonly Overload[];
  readonly store: StoreStatus;
}

export interface RuntimeEvents {
  /** A tick (or a setup) ended and what it wrote is stored. */
  readonly tick: TickRecord;
  readonly log: LogRecord;
  /** State that was written and stored. */
  readonly state: { readonly worker: string; readonly tick: number; readonly changes: readonly StateChange[] };
  readonly worker: {
    readonly worker: string;
    readonly from: WorkerState;
    readonly to: WorkerState;
    readonly reason: string | null;
    readonly code: ErrorCode | null;
  };
  readonly cell: {
    readonly pid: number;
    readonly backend: 'isolate' | 'pyodide';
    readonly event: 'started' | 'ready' | 'ended' | 'lost';
    readonly reason: string | null;
    readonly workers: number;
  };
  /** A workspace is overloaded, or (`over`) has not been for ten seconds. */
  readonly overload: Overload & { readonly over: boolean };
  /**
   * Who owns the workers. `standby`: another node does, and {@link Runtime.start} waits. `lost`: another one took over, for good:
   * every worker was ended here, and a new engine has to be made to stand by.
   */
  readonly placement: {
    readonly state: LeaseState | 'standby';
    readonly reason: string;
    readonly owner: NodeInfo | null;
  };
}

/** A worker whose last changes a stop could not bring to where they belong. */
export interface UnsavedWorker {
  /** `workspace/name`. */
  readonly worker: string;
  /** Redis has changes that Postgres lacks. Nothing is lost where Redis keeps them until an engine is started again. */
  readonly onlyInRedis: boolean;
  /** No store has confirmed the last changes. They were acknowledged to nobody, and may be lost. */
  readonly unacknowledged: boolean;
}

/** A running (or not yet started) engine. Workers are named `name` (workspace `default`) or `workspace/name`. */
export interface Runtime extends StateMethods {
  /**
   * Opens the stores, locks the data folder and goes on with every worker that was running. With Postgres it waits while another node
   * owns the group; `stop` ends that wait, and the start rejects with STOPPED.
   */
  start(): Promise<void>;
  /**
   * No new ticks; ticks in flight get up to `graceMs` (10,000); state is committed; cells end. `now` cuts the grace. A store that is
   * away is waited for within the grace only, one that does not answer 3 s longer: see {@link unsaved} then.
   */
  stop(options?: { readonly graceMs?: number; readonly now?: boolean }): Promise<void>;
  /** After {@link stop}: the workers whose last changes are not stored. They stayed `stopping`. Empty where everything is stored. */
  readonly unsaved: readonly UnsavedWorker[];
  /**
   * Adds a worker or gives it new code and settings; its state stays. Rejects with CODE_INVALID and keeps what was there
   * when the code cannot run. A worker that runs is moved to the new version; a new one waits for {@link startWorker}.
   */
  deploy(worker: WorkerOptions): Promise<WorkerStatus>;
  /** Compiles a worker and loads it once into a sandbox of its own, without calling it. Rejects with CODE_INVALID. */
  check(worker: WorkerOptions): Promise<void>;
  startWorker(name: string): Promise<WorkerStatus>;
  /** Waits for the tick in flight up to its timeout; `now` ends it. */
  stopWorker(name: string, options?: { readonly now?: boolean }): Promise<WorkerStatus>;
  restartWorker(name: string, options?: { readonly now?: boolean }): Promise<WorkerStatus>;
  /** Stops the worker and deletes its state and records. */
  removeWorker(name: string, options?: { readonly now?: boolean }): Promise<void>;
  reconfigure(name: string, patch: WorkerPatch): Promise<WorkerStatus>;
  status(): RuntimeStatus;
  worker(name: string): WorkerStatus;
  /** Newest first; `limit` default 100. */
  ticks(name: string, limit?: number): Promise<readonly TickRecord[]>;
  /** Sums per minute, newest first; `limit` default 100. */
  minutes(name: string, limit?: number): Promise<readonly MinuteRecord[]>;
  logs(query?: {
    readonly name?: string;
    readonly limit?: number;
    readonly minLevel?: LogLevel;
  }): Promise<readonly LogRecord[]>;
  on<Name extends keyof RuntimeEvents>(name: Name, listener: (event: RuntimeEvents[Name]) => void): () => void;
}
