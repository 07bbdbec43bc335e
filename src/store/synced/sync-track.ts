/**
 * What Redis has acknowledged of one worker under one epoch, and Postgres may not have yet: the last version, and every key that
 * changed since the last one that is in both. Together with Postgres it always is the whole state.
 */
import type { Commit, CommitResult, StateChange } from '../contracts.ts';
import type { Advance } from '../postgres/commit-statement.ts';

export type Version = Pick<Advance, 'revision' | 'commitId' | 'head'> & { readonly checksum?: string | undefined };

export class SyncTrack {
  readonly worker: string;
  readonly epoch: bigint;
  /** The revision that Postgres has. */
  synced: bigint;
  /** Monotonic: since when Postgres lacks something; null where it lacks nothing. */
  behindSince: number | null = null;
  /** Found out by a checkpoint, and told to whoever commits next. */
  refused: CommitResult | null = null;
  #latest: Version;
  #dirty = new Map<string, string | null>();
  #characters = 0;
  /** Sent, and not known to be stored: it is sent again as it is, or nobody could tell whether it was. */
  #step: Advance | null = null;
  /** Monotonic: since when something is there that is not in it. */
  #nextSince: number | null = null;

  constructor(worker: string, epoch: bigint, both: Version) {
    this.worker = worker;
    this.epoch = epoch;
    this.synced = both.revision;
    this.#latest = both;
  }

  /** The version that Redis has, as far as it is known. */
  get latest(): Version {
    return this.#latest;
  }

  /** Of all keys that Postgres lacks. */
  get characters(): number {
    return this.#characters;
  }

  /** Redis has acknowledged it; once more for a repetition. */
  note(commit: Commit, nowMs: number): void {
    if (commit.revision <= this.#latest.revision) return;
    const { revision, commitId, head, checksum, changes } = commit;
    this.#latest = { revision, commitId, head, checksum };
    for (const { key, json } of changes) this.#put(key, json);
    this.behindSince ??= nowMs;
    if (this.#step !== null) this.#nextSince ??= nowMs;
  }

  /** What Postgres lacks, as one step, or the one before whose outcome is unknown. {@link landed} follows when it is there. */
  take(): Advance {
    if (this.#step !== null) return this.#step;
    const { revision, commitId, head, checksum } = this.#latest;
    const changes: StateChange[] = Array.from(this.#dirty, ([key, json]) => ({ key, json }));
    this.#dirty = new Map();
    const sum = checksum === undefined ? {} : { checksum };
    const { worker, epoch, synced: base } = this;
    this.#step = { worker, epoch, base, revision, commitId, head, changes, ...sum };
    return this.#step;
  }

  landed(step: Advance): void {
    this.synced = step.revision;
    for (const { key, json } of step.changes) this.#characters -= sizeOf(key, json);
    this.#step = null;
    this.behindSince = this.#nextSince;
    this.#nextSince = null;
  }

  #put(key: string, json: string | null): void {
    const before = this.#dirty.get(key);
    if (before !== undefined) this.#characters -= sizeOf(key, before);
    this.#dirty.set(key, json);
    this.#characters += sizeOf(key, json);
  }
}

const sizeOf = (key: string, json: string | null): number => key.length + (json?.length ?? 0);
