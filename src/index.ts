/** The public API: `import { createRuntime } from 'tick-runtime'`. */
export type {
  Adapter,
  CallContext,
  Capability,
  DurableIntent,
  Resolution,
  ResolveContext,
} from '../adapters/adapter.ts';
export type { GuestFunction, GuestWorld, LogLevel } from '../sandbox/protocol.ts';
export { type Clock, systemClock } from './core/clock.ts';
export { ERRORS, type ErrorCode, type ErrorRule, type Fault, RuntimeError } from './core/errors.ts';
export { formatStateFile, parseStateFile } from './core/state-file.ts';
export { createRuntime } from './engine.ts';
export type {
  CellOptions,
  CellStatus,
  HttpOptions,
  JailLevel,
  Overload,
  PlacementOptions,
  PostgresStoreOptions,
  RedisStoreOptions,
  RetentionOptions,
  Runtime,
  RuntimeEvents,
  RuntimeOptions,
  RuntimeStatus,
  SandboxOptions,
  StateOptions,
  StoreStatus,
  TlsOptions,
  UnsavedWorker,
  WorkerOptions,
  WorkerPatch,
  WorkerStatus,
  WorldCall,
} from './runtime.ts';
export type {
  StateCopies,
  StateCopy,
  StateEdit,
  StateEntries,
  StateExport,
  StateInfo,
  StateWritten,
} from './runtime-state.ts';
export type {
  Choice,
  Claimed,
  Commit,
  CommitResult,
  LogQuery,
  LogRecord,
  MinuteRecord,
  RecordStore,
  Replacement,
  StateChange,
  StateStore,
  StoredCopies,
  StoredCopy,
  StoredWorker,
  StoreLag,
  TickOutcome,
  TickRecord,
} from './store/contracts.ts';
export { type MigrationReport, migratePostgres } from './store/migrate-postgres.ts';
export type { LeaseState, NodeInfo } from './store/placement.ts';
export type { WorkerState } from './supervisor/life.ts';
export { compileWorker } from './workers/compile.ts';
export type { CodeProblem, Schedule, SourceFile, WorkerSource } from './workers/definition.ts';
