/**
 * What the engine needs of a store. Two contracts: {@link StateStore} carries what must never be lost (a worker's
 * state and life, one atomic commit at a time, fenced by epochs); {@link RecordStore} carries what is only told about it
 * (ticks, logs), which waits for nothing. test/contract runs one suite over every implementation.
 */
import type { LogLevel } from '../../sandbox/protocol.ts';

/** `workspace/name`: both parts match /^[a-z0-9][a-z0-9-_.]{0,62}$/i. */
export type WorkerId = string;

/** One changed key; `json: null` deletes it. */
export interface StateChange {
  readonly key: string;
  readonly json: string | null;
}

/** One atomic step of one worker. */
export interface Commit {
  readonly worker: WorkerId;
  /** Of the owner that writes; any other one than the store's is FENCED. */
  readonly epoch: bigint;
  /** The stored revision this commit builds on; another one is STALE, and so is any commit of a worker that is not there. */
  readonly base: bigint;
  /** base + 1. */
  readonly revision: bigint;
  /** Unique per commit: the same id at the stored revision means that this very commit succeeded before. */
  readonly commitId: string;
  /** The worker's life ({@link WorkerHead}) as JSON, replaced as a whole. */
  readonly head: string;
  /** Applied in order; a later change of a key wins. */
  readonly changes: readonly StateChange[];
  /** Somebody waits for it: a run that goes on, or whoever starts or stops the worker. A store that lets commits wait for company sends this one, and what is gathered, now. */
  readonly urgent?: boolean;
  /** Of the whole state once this is applied (core/checksum.ts). Kept and given back; where it is missing nothing is compared. */
  readonly checksum?: string;
  /**
   * Acknowledged only when every copy that the store keeps has it, the slow ones too: an order rests on it, or a worker counts as
   * stopped by it. A store with one copy knows no other commits.
   */
  readonly durable?: boolean;
}

/** Everything of one worker at once, where what is stored turned out not to be what its owner wrote last. */
export interface Replacement {
  readonly worker: WorkerId;
  /** Of the owner that writes; any other one than the store's is FENCED. */
  readonly epoch: bigint;
  /** Above the stored one, or it is STALE; its owner also chooses it above its own. */
  readonly revision: bigint;
  /** Unique, as that of a commit. */
  readonly commitId: string;
  readonly head: string;
  /** The whole state; what is stored beside it goes. A later entry of a key wins. */
  readonly entries: readonly (readonly [key: string, json: string])[];
  /** As that of a commit. */
  readonly checksum?: string;
}

export type CommitResult =
  | { readonly kind: 'ok' }
  | { readonly kind: 'fenced'; readonly epoch: bigint }
  | { readonly kind: 'stale'; readonly revision: bigint };

/** What an owner gets when it claims a worker. */
export interface Claimed {
  readonly epoch: bigint;
  readonly revision: bigint;
  /** Null for a worker that never committed. */
  readonly head: string | null;
  readonly entries: readonly (readonly [key: string, json: string])[];
  /** That of the last commit; missing where it had none. */
  readonly checksum?: string;
  /** A copy that may have been newer is gone or older than this one, and what it alone had acknowledged with it. */
  readonly mayLack?: boolean;
}

/** One of several copies of a worker, with what tells which of them is newer. */
export interface StoredCopy extends Claimed {
  /** Of the owner that wrote the revision; {@link Claimed.epoch} is that of the owner now. */
  readonly writtenEpoch: bigint;
  readonly commitId: string | null;
}

/** Both copies of a worker as they are; null for one that is not there, a text for one that cannot be read. */
export interface StoredCopies {
  readonly redis: StoredCopy | string | null;
  readonly postgres: StoredCopy | string | null;
}

/** What a person wants in both: one of the copies (`force`: also a damaged one), or these entries instead of either. */
export type Choice =
  | { readonly take: 'redis' | 'postgres'; readonly force: boolean }
  | { readonly entries: Claimed['entries'] };

export interface StoredWorker {
  readonly worker: WorkerId;
  readonly epoch: bigint;
  readonly revision: bigint;
  readonly head: string | null;
}

/** What a store with several copies has acknowledged, and the slow one lacks. */
export interface StoreLag {
  /** Of the oldest such commit, ms. */
  readonly sinceMs: number;
  readonly workers: number;
  /** Keys and values together. */
  readonly characters: number;
  readonly reason: string;
}

/**
 * Every method rejects with STORE_UNAVAILABLE when the store cannot answer; the outcome of a commit is then unknown.
 * Keys and JSON come back exactly as they were written; text with half a surrogate pair is refused as STATE_INVALID.
 * What is damaged on disk is STATE_CORRUPT. The rule that decides a commit is in commit-rule.ts.
 */
export interface StateStore {
  /**
   * Makes the caller the owner: the epoch grows, by one or more, so every earlier owner is fenced. Creates the worker if new, with
   * an epoch above every one that a removed worker had: who owned a namesake stays fenced.
   */
  claim(worker: WorkerId): Promise<Claimed>;
  /** Reads without claiming. Null: no such worker. */
  read(worker: WorkerId): Promise<Claimed | null>;
  /** Resolves only when the commit is durable. Commits of one worker are applied in the order of the calls. */
  commit(commit: Commit): Promise<CommitResult>;
  /**
   * One atomic step; resolves only when it is durable. FENCED where the stored epoch is a newer one, STALE where it is the same and
   * the stored revision not below the new one; an older epoch gives way. A worker that is not there is created again
   * under the same epoch, which all its earlier owners are below. Only where a removed worker had that epoch or a higher
   * one is the caller FENCED: then it may be an earlier owner of the very worker that was removed, whom nothing brings back.
   */
  replace(replacement: Replacement): Promise<CommitResult>;
  /** Deletes a worker with all its state. A worker that is not there is ok, so that a retry is. */
  remove(worker: WorkerId, epoch: bigint): Promise<CommitResult>;
  /** Sorted by name. */
  list(): Promise<readonly StoredWorker[]>;
  /** Finishes what was called before; what is called after it rejects with STORE_UNAVAILABLE. */
  close(): Promise<void>;
  /** Of a store with several copies: what makes the slow one late. Null while all is well. */
  lag?(): StoreLag | null;
  /**
   * Of a store with several copies: how far they have come with a worker that was claimed here, also once it is closed. `all` is the
   * revision that every copy has, `first` the one that the fast copy has. Null where it was not claimed here.
   */
  progress?(worker: WorkerId): { readonly first: bigint; readonly all: bigint } | null;
  /** Of a store with several copies: all of them, for people to compare. */
  copies?(worker: WorkerId): Promise<StoredCopies>;
  /**
   * Of a store with several copies: makes what was chosen the state in all of them, under an epoch and a revision above those of all. Rejects
   * with STATE_CORRUPT for a damaged one without force, WORKER_NOT_FOUND for one that is not there, FENCED.
   */
  resolve?(worker: WorkerId, choice: Choice): Promise<Claimed>;
}

/** How a tick (or setup) ended, as it is told to people. */
export type TickOutcome = 'ok' | 'error' | 'timeout' | 'memory' | 'cpu' | 'cell-lost' | 'cancelled';

export interface TickRecord {
  readonly worker: WorkerId;
  readonly tick: number;
  readonly fn: 'setup' | 'tick';
  readonly outcome: TickOutcome;
  /** Unix ms of the slot, and of the moment the call was sent to the cell. */
  readonly dueAt: number;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly cpuMs: number;
  readonly latenessMs: number;
  /** Slots skipped just before this tick. */
  readonly skipped: number;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
}

export interface LogRecord {
  readonly worker: WorkerId;
  /** Unix ms. */
  readonly at: number;
  readonly level: LogLevel;
  readonly text: string;
  /** JSON object or null. */
  readonly fields: string | null;
  readonly tick: number;
}

export interface LogQuery {
  readonly worker?: WorkerId;
  readonly limit: number;
  readonly minLevel?: LogLevel;
}

/** What is left of a worker's ticks when they are no longer kept one by one: sums over one minute. Setups are not in it. */
export interface MinuteRecord {
  readonly worker: WorkerId;
  /** Unix ms of the minute's beginning; a tick belongs to the minute in which it was started. */
  readonly at: number;
  readonly ticks: number;
  readonly failed: number;
  readonly skipped: number;
  readonly durationMsSum: number;
  readonly durationMsMax: number;
  readonly cpuMsSum: number;
  readonly latenessMsMax: number;
}

/** Bounded: see each implementation's retention settings. Appending never waits; what cannot be written is counted. */
export interface RecordStore {
  appendTick(record: TickRecord): void;
  appendLog(record: LogRecord): void;
  /** Newest first, by arrival; setups are among them. */
  ticks(worker: WorkerId, limit: number): Promise<readonly TickRecord[]>;
  /** Newest first. */
  minutes(worker: WorkerId, limit: number): Promise<readonly MinuteRecord[]>;
  /** Newest first, by arrival. */
  logs(query: LogQuery): Promise<readonly LogRecord[]>;
  /** Deletes everything that is told about one worker. */
  forget(worker: WorkerId): Promise<void>;
  /** Records that were dropped because the queue was full or the disk refused. */
  dropped(): number;
  flush(): Promise<void>;
  close(): Promise<void>;
}
