/** What people see and change of the state of workers: the shapes of {@link Runtime}'s methods about it. */

/** One change of a key. `json` is JSON text that is kept as it is; `value` becomes JSON as in `ctx.state.set`. */
export type StateEdit =
  | { readonly key: string; readonly value: unknown }
  | { readonly key: string; readonly json: string }
  | { readonly key: string; readonly deleted: true };

/** Key and JSON text of each value. */
export type StateEntries = readonly (readonly [key: string, json: string])[];

/** What is stored of a worker's state, without its values. Epoch and revision are decimal text: they outgrow a number. */
export interface StateInfo {
  /** `workspace/name`. */
  readonly worker: string;
  readonly epoch: string;
  readonly revision: string;
  /** Null where the last commit had none. */
  readonly checksum: string | null;
  /** The values match the checksum. */
  readonly intact: boolean;
  readonly tick: number;
  readonly desired: string;
  readonly actual: string;
  /** UTF-8 bytes of keys and values together. */
  readonly bytes: number;
  /** Sorted; `bytes` of key and value together. */
  readonly keys: readonly { readonly key: string; readonly bytes: number }[];
}

export interface StateWritten {
  /** The stored one that has the change. */
  readonly revision: string;
  /** A running sandbox has taken it: the worker's next tick sees it, and its globals are kept. */
  readonly live: boolean;
}

/** A whole state, value by value as JSON text. `formatStateFile` and `parseStateFile` make a file of it and back. */
export interface StateExport {
  readonly format: 'tick-runtime-state';
  readonly version: 1;
  readonly worker: string;
  readonly revision: string;
  /** ISO 8601, UTC. */
  readonly exportedAt: string;
  /** Ticks of the worker by then; null where that is not known. */
  readonly tick: number | null;
  readonly entries: StateEntries;
}

/** One of several copies of a worker. */
export interface StateCopy {
  /** Of the owner who wrote it, and of the owner now. */
  readonly writtenEpoch: string;
  readonly epoch: string;
  readonly revision: string;
  readonly checksum: string | null;
  readonly intact: boolean;
  readonly tick: number | null;
  readonly entries: StateEntries;
}

/** Null for one that is not there; a text says why one cannot be read. */
export interface StateCopies {
  readonly redis: StateCopy | string | null;
  readonly postgres: StateCopy | string | null;
}

/** The part of {@link Runtime} that is about state. Each call waits for earlier orders about the same worker. */
export interface StateMethods {
  /** The saved state of a worker: key → value. */
  readState(name: string): Promise<Record<string, unknown>>;
  /** What is stored, without its values. Rejects with WORKER_NOT_FOUND, STORE_UNAVAILABLE. */
  inspectState(name: string): Promise<StateInfo>;
  /**
   * Changes keys, all of them in one durable commit, with the limits of the worker's own writes (BAD_ARGUMENT, STATE_LIMIT). A
   * running worker takes it between two ticks without a reload; a run in flight is waited for up to its time limit and 15 s,
   * then ILLEGAL_TRANSITION says so and nothing was changed. STORE_UNAVAILABLE while the worker is paused by its store.
   */
  writeState(name: string, changes: readonly StateEdit[]): Promise<StateWritten>;
  /** The same for the whole state. With `create` (default false) a worker that is not there is made, stopped. */
  replaceState(name: string, entries: StateEntries, options?: { readonly create?: boolean }): Promise<StateWritten>;
  /** The whole saved state, every value as the JSON text that is stored. */
  exportState(name: string): Promise<StateExport>;
  /** The copies in Redis and in Postgres as they are; null where state is kept once. */
  stateCopies(name: string): Promise<StateCopies | null>;
  /**
   * Makes one of two copies the state in both, under a new epoch and revision above those of both: what STATE_CONFLICT asks a person to do.
   * `force` (default false) also takes one that does not match its checksum. The worker must not run.
   */
  resolveState(name: string, take: 'redis' | 'postgres', options?: { readonly force?: boolean }): Promise<StateWritten>;
  /**
   * Gives state and life of a worker that does not run another name. The new one is stored before the old one is removed, with its
   * ticks and logs. WORKER_EXISTS where the name is taken; after a rename that was cut short, the same call finishes it.
   */
  renameWorker(name: string, newName: string): Promise<void>;
}
