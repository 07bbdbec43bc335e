/**
 * Redis in front of Postgres. A commit is decided by Redis, which is fast and fenced; Postgres gets it by checkpoint, or before
 * the acknowledgement where `ack` or the commit itself asks for that. Whoever claims a worker compares both copies and
 * brings the older one up to the newer before anything ticks. Postgres grants the epochs, so it comes first in a claim, a
 * replacement and a removal.
 */
import type { Clock } from '../../core/clock.ts';
import { RuntimeError } from '../../core/errors.ts';
import { MiB } from '../../core/limits.ts';
import { COMMITTED } from '../commit-rule.ts';
import type {
  Choice,
  Claimed,
  Commit,
  CommitResult,
  Replacement,
  StateStore,
  StoredCopies,
  StoredCopy,
  StoredWorker,
  StoreLag,
  WorkerId,
} from '../contracts.ts';
import type { ClaimedCopy, PostgresStateStore } from '../postgres/postgres-state-store.ts';
import type { RedisStateStore } from '../redis/redis-state-store.ts';
import { ByteGate } from './byte-gate.ts';
import { Checkpointer, type CheckpointerOptions } from './checkpointer.ts';
import { CloseWatch } from './close-watch.ts';
import { type CopyDecision, changesBetween, decideCopy, isIntact } from './decide-copy.ts';
import { readCopies, resolveCopies } from './resolve-copies.ts';
import { SyncTrack } from './sync-track.ts';
import { WorkerTurns } from './worker-turns.ts';

/** Which store has to have a commit before it is acknowledged. */
export type Ack = 'redis' | 'postgres';

export interface SyncedOptions {
  readonly hot: RedisStateStore;
  readonly durable: PostgresStateStore;
  readonly clock: Clock;
  readonly ack: Ack;
  /** How long Postgres may lack what was acknowledged while it answers. */
  readonly checkpointMs: number;
  /** And while it does not: after that nothing is acknowledged until it does. */
  readonly unsyncedMs: number;
  readonly log: CheckpointerOptions['log'];
}

/** Of keys and values that wait for Postgres, in this process's memory. */
const UNSYNCED_CHARACTERS_MAX = 256 * MiB;
/** Of large states that are claimed at once, as Postgres has them: beside each stands the copy of Redis. */
const CLAIMED_BYTES_MAX = 32 * MiB;
/** What a close waits for the stores. */
const CLOSE_MS_MAX = 10_000;
/** And while none of them answers: where Postgres is known to be away, or already silent, only a last attempt. */
const CLOSE_SILENT_MS = { well: 4_000, inTrouble: 2_000 } as const;

export class SyncedStateStore implements StateStore {
  readonly #o: SyncedOptions;
  readonly #tracks = new Map<WorkerId, SyncTrack>();
  readonly #turns = new WorkerTurns();
  readonly #checkpoints: Checkpointer;
  readonly #large = new ByteGate(CLAIMED_BYTES_MAX);
  #closed: Promise<void> | null = null;
  #open = 0;
  #onIdle: (() => void) | null = null;

  constructor(options: SyncedOptions) {
    this.#o = options;
    const { durable, clock, checkpointMs, log } = options;
    this.#checkpoints = new Checkpointer({
      durable,
      clock,
      checkpointMs,
      charactersMax: UNSYNCED_CHARACTERS_MAX,
      log,
    });
  }

  commit(commit: Commit): Promise<CommitResult> {
    return this.#entered(() => this.#turns.commit(commit.worker, () => this.#commit(commit)));
  }

  replace(replacement: Replacement): Promise<CommitResult> {
    return this.#alone(replacement.worker, () => this.#replace(replacement));
  }

  claim(worker: WorkerId): Promise<Claimed> {
    return this.#alone(worker, () => this.#claim(worker));
  }

  read(worker: WorkerId): Promise<Claimed | null> {
    return this.#alone(worker, () => this.#read(worker));
  }

  remove(worker: WorkerId, epoch: bigint): Promise<CommitResult> {
    return this.#alone(worker, async () => {
      const removed = await this.#o.durable.remove(worker, epoch);
      if (removed.kind !== 'ok') return removed;
      this.#drop(worker);
      // What Redis refuses here belongs to a later owner of the name.
      await this.#o.hot.forget(worker, epoch);
      return removed;
    });
  }

  /** As Postgres has them, where they are not claimed here: after a crash those may be as old as the last checkpoint. */
  list(): Promise<readonly StoredWorker[]> {
    return this.#entered(async () =>
      (await this.#o.durable.list()).map((stored) => {
        const track = this.#tracks.get(stored.worker);
        if (track === undefined || track.epoch !== stored.epoch) return stored;
        const { revision, head } = track.latest;
        return revision > stored.revision ? { ...stored, revision, head } : stored;
      }),
    );
  }

  lag(): StoreLag | null {
    return this.#checkpoints.lag();
  }

  progress(worker: WorkerId): { readonly first: bigint; readonly all: bigint } | null {
    const track = this.#tracks.get(worker);
    return track === undefined ? null : { first: track.latest.revision, all: track.synced };
  }

  copies(worker: WorkerId): Promise<StoredCopies> {
    return this.#entered(() => readCopies(this.#o, worker));
  }

  resolve(worker: WorkerId, choice: Choice): Promise<Claimed> {
    return this.#alone(worker, async () => {
      const resolved = await resolveCopies(this.#o, worker, choice);
      this.#drop(worker);
      return resolved;
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    const { clock, hot, durable } = this.#o;
    const watch = new CloseWatch({
      clock,
      limitMs: CLOSE_MS_MAX,
      silentMs: this.#checkpoints.lag() === null ? CLOSE_SILENT_MS.well : CLOSE_SILENT_MS.inTrouble,
      progress: () => `${this.#open} ${Array.from(this.#tracks.values(), ({ synced }) => synced).join()}`,
    });
    try {
      const idle = this.#idle();
      // What is there already does not wait for a Redis that is silent.
      await watch.within(Promise.all([this.#syncAll(), idle.then(() => this.#syncAll())]));
      await this.#checkpoints.close(0);
      // A statement without an answer is left to its own limit: its outcome is unknown either way.
      await watch.within(Promise.all([hot.close(), durable.close()]));
    } finally {
      watch.end();
    }
  }

  /** Nothing is under way. */
  #idle(): Promise<void> {
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  async #syncAll(): Promise<void> {
    const behind = [...this.#tracks.values()].filter(
      ({ behindSince, refused }) => behindSince !== null && refused === null,
    );
    await Promise.allSettled(behind.map((track) => this.#checkpoints.sync(track)));
  }

  #alone<T>(worker: WorkerId, work: () => Promise<T>): Promise<T> {
    return this.#entered(() => this.#turns.alone(worker, work));
  }

  /** Counts what is under way, which a close waits for. */
  async #entered<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed !== null) throw unavailable('it is closed');
    this.#open += 1;
    try {
      return await work();
    } finally {
      this.#open -= 1;
      if (this.#open === 0) this.#onIdle?.();
    }
  }

  async #commit(commit: Commit): Promise<CommitResult> {
    const track = this.#tracks.get(commit.worker);
    // Nothing here would bring Postgres up to it.
    if (track === undefined) return this.#unclaimed(commit);
    if (track.epoch === commit.epoch && track.refused !== null) return track.refused;
    // Its checkpoint is due only then: before that nothing is missing.
    const due = track.behindSince === null ? Number.POSITIVE_INFINITY : track.behindSince + this.#o.checkpointMs;
    const behindMs = Math.max(this.#o.clock.monoMs() - due, this.#checkpoints.awayMs);
    if (behindMs > this.#o.unsyncedMs) throw behindTooLong(behindMs, this.#o.unsyncedMs);
    if (this.#checkpoints.full) throw unavailable('as much as may waits for Postgres');
    const result = await this.#o.hot.commit(commit);
    if (result.kind !== 'ok') return result;
    // A claim meanwhile: it has read what was just written, and what comes next of this owner is refused.
    if (track !== this.#tracks.get(commit.worker) || track.epoch !== commit.epoch) return result;
    track.note(commit, this.#o.clock.monoMs());
    if (track.behindSince !== null) this.#checkpoints.note(track);
    return this.#o.ack === 'postgres' || commit.durable === true ? this.#checkpoints.sync(track) : result;
  }

  /** A commit of who has not claimed the worker here says what is stored, and is never accepted. */
  async #unclaimed({ worker, epoch }: Commit): Promise<CommitResult> {
    const stored = await this.#o.durable.read(worker);
    if (stored !== null && stored.epoch !== epoch) return { kind: 'fenced', epoch: stored.epoch };
    if (stored === null) return { kind: 'stale', revision: 0n };
    throw unavailable(`worker ${worker} was not claimed here`);
  }

  async #replace(replacement: Replacement): Promise<CommitResult> {
    const { hot, durable } = this.#o;
    const stored = await durable.replace(replacement);
    if (stored.kind !== 'ok') return stored;
    const shown = await hot.replace(replacement);
    if (shown.kind !== 'ok') return shown;
    this.#track(replacement.worker, replacement.epoch, replacement);
    return COMMITTED;
  }

  async #claim(worker: WorkerId): Promise<StoredCopy> {
    const { durable } = this.#o;
    const before = this.#tracks.get(worker);
    // What Postgres lacks is known here only, if Redis has lost it; after the claim it would be refused.
    if (before !== undefined && before.refused === null && before.behindSince !== null)
      await this.#checkpoints.sync(before).catch(() => undefined);
    let leave = (): void => undefined;
    try {
      const postgres = await durable.claim(worker, async (bytes) => {
        leave = await this.#large.enter(bytes);
      });
      return await this.#compared(worker, postgres);
    } finally {
      leave();
    }
  }

  /** What both have of a worker that Postgres has just granted. */
  async #compared(worker: WorkerId, postgres: ClaimedCopy): Promise<StoredCopy> {
    const { hot } = this.#o;
    const { epoch } = postgres;
    const redis = await hot.raise(worker, epoch);
    if (redis !== null && 'newerEpoch' in redis) throw await this.#newerFence(worker, epoch, redis.newerEpoch);
    const decision = decideCopy(postgres, redis);
    let right = postgres;
    switch (decision.kind) {
      case 'same':
        break;
      case 'postgres':
        this.#tellRepair(worker, 'Redis', redis, decision.damaged);
        mustBe(worker, await hot.repair(worker, postgres));
        break;
      case 'redis':
        right = { ...(redis as StoredCopy), epoch };
        if (postgres.before !== undefined && right.writtenEpoch > postgres.before) this.#tellForgotten(worker);
        this.#tellRepair(worker, 'Postgres', postgres, decision.damaged);
        mustBe(worker, await this.#bringUp(worker, postgres, right));
        break;
      default:
        throw undecided(worker, decision);
    }
    this.#track(worker, epoch, versionOf(right));
    const mayLack = this.#o.ack === 'redis' && decision.kind === 'postgres' && postgres.revision > 0n;
    return mayLack ? { ...right, mayLack } : right;
  }

  async #read(worker: WorkerId): Promise<StoredCopy | null> {
    const { hot, durable } = this.#o;
    const track = this.#tracks.get(worker);
    const redis = await hot.read(worker);
    if (track === undefined) {
      const postgres = await durable.read(worker);
      if (postgres === null) return null;
      const decision = decideCopy(postgres, redis);
      if (decision.kind === 'conflict' || decision.kind === 'corrupt') throw undecided(worker, decision);
      return decision.kind === 'redis' ? redis : postgres;
    }
    const { latest, epoch } = track;
    if (track.refused !== null && redis !== null && redis.epoch === epoch && isIntact(redis))
      return this.#heal(worker, redis);
    if (redis !== null && redis.epoch === epoch && redis.revision >= latest.revision && isIntact(redis)) return redis;
    if (redis !== null && redis.epoch > epoch) return redis;
    // Redis was emptied, put back or damaged. What it had acknowledged is here and in Postgres.
    const synced = await this.#checkpoints.sync(track);
    const postgres = await durable.read(worker);
    if (synced.kind !== 'ok' || postgres === null || postgres.epoch !== epoch) return postgres ?? redis;
    if (postgres.revision !== track.latest.revision || !isIntact(postgres)) return postgres;
    this.#tellRepair(worker, 'Redis', redis, redis !== null && !isIntact(redis));
    const repaired = await hot.repair(worker, postgres);
    return repaired.kind === 'ok' ? postgres : this.#o.hot.read(worker);
  }

  /** Postgres was put back, and Redis has what was acknowledged: it is written there again, as it is. */
  async #heal(worker: WorkerId, redis: StoredCopy): Promise<StoredCopy> {
    const { durable, log } = this.#o;
    const postgres = await durable.read(worker);
    const { epoch, revision, commitId, head, checksum, entries } = redis;
    if (postgres !== null && postgres.epoch > epoch) return postgres;
    const whole = { worker, epoch, revision, commitId: commitId ?? '', head: head ?? '', entries };
    const healed =
      postgres?.epoch === epoch
        ? await this.#bringUp(worker, postgres, redis)
        : await durable.replace(checksum === undefined ? whole : { ...whole, checksum });
    if (healed.kind !== 'ok') return redis;
    log('warn', `the copy of worker ${worker} in Postgres was put back, and was written again`, { worker });
    this.#track(worker, epoch, versionOf(redis));
    return redis;
  }

  /** Only what differs is written. */
  #bringUp(worker: WorkerId, postgres: StoredCopy, right: StoredCopy): Promise<CommitResult> {
    const { epoch, writtenEpoch, revision, commitId, head, checksum, entries } = right;
    const changes = changesBetween(postgres.entries, entries);
    const version = { epoch, writtenEpoch, base: postgres.revision, revision, commitId: commitId ?? '' };
    const sum = checksum === undefined ? {} : { checksum };
    return this.#o.durable.advance({ worker, ...version, head: head ?? '', changes, ...sum }, true);
  }

  /** Redis knows an owner above the one that Postgres has just granted. */
  async #newerFence(worker: WorkerId, epoch: bigint, newer: bigint): Promise<RuntimeError> {
    const now = await this.#o.durable.read(worker);
    if (now !== null && now.epoch > epoch)
      return new RuntimeError('FENCED', `Worker ${worker} was claimed by another owner (epoch ${now.epoch}).`);
    return new RuntimeError(
      'STATE_CONFLICT',
      `Redis knows owner ${newer} of worker ${worker}, Postgres only ${epoch}: Postgres was put back to an earlier time, and so was its clock. Look with \`runtime state diff ${worker}\`, then \`runtime state resolve ${worker} --take redis\` or \`--take postgres\`.`,
    );
  }

  #track(worker: WorkerId, epoch: bigint, both: SyncTrack['latest']): void {
    this.#drop(worker);
    this.#tracks.set(worker, new SyncTrack(worker, epoch, both));
  }

  #drop(worker: WorkerId): void {
    const track = this.#tracks.get(worker);
    if (track !== undefined) this.#checkpoints.drop(track);
    this.#tracks.delete(worker);
  }

  /** Whoever wrote the copy in Redis had claimed the worker in Postgres before. */
  #tellForgotten(worker: WorkerId): void {
    const text = `Postgres has forgotten an owner of worker ${worker}: it was restored from a backup, or failed over to a replica that lacked it. Its newer copy in Redis was taken`;
    this.#o.log('warn', text, { worker });
  }

  /** Nothing was lost by it, but somebody should know. A copy that merely is behind is the ordinary case after a crash. */
  #tellRepair(worker: WorkerId, which: 'Redis' | 'Postgres', found: StoredCopy | null, damaged: boolean): void {
    if (!damaged && which === 'Postgres') return;
    if (!damaged && found === null) return;
    const how = damaged ? 'did not match its checksum' : `was older (revision ${found?.revision})`;
    this.#o.log('warn', `the copy of worker ${worker} in ${which} ${how} and was written again`, { worker });
  }
}

function versionOf({ revision, commitId, head, checksum }: StoredCopy): SyncTrack['latest'] {
  return { revision, commitId: commitId ?? '', head: head ?? '', checksum };
}

/** A repair by whoever has just claimed the worker fails only where somebody else claims it in the same moment. */
function mustBe(worker: WorkerId, result: CommitResult): void {
  if (result.kind !== 'ok')
    throw new RuntimeError('FENCED', `Worker ${worker} was claimed by another owner while its copies were compared.`);
}

function unavailable(reason: string): RuntimeError {
  return new RuntimeError('STORE_UNAVAILABLE', `the state store cannot answer: ${reason}`);
}

/** Nothing may choose between the copies but a person, or none of them is whole. */
function undecided(worker: WorkerId, decision: Extract<CopyDecision, { kind: 'conflict' | 'corrupt' }>): RuntimeError {
  if (decision.kind === 'corrupt')
    return new RuntimeError(
      'STATE_CORRUPT',
      `The state of worker ${worker} matches its checksum neither in Redis nor in Postgres. Restore it from a backup with \`runtime state import ${worker}\`.`,
    );
  return new RuntimeError(
    'STATE_CONFLICT',
    `Redis and Postgres disagree on the state of worker ${worker}: ${decision.why}. Look with \`runtime state diff ${worker}\`, then \`runtime state resolve ${worker} --take redis\` or \`--take postgres\`.`,
  );
}

function behindTooLong(behindMs: number, unsyncedMs: number): RuntimeError {
  const [behind, most] = [Math.round(behindMs / 1_000), unsyncedMs / 1_000];
  return unavailable(`Postgres lacks what was acknowledged ${behind} s ago, and state.unsyncedMax is ${most} s`);
}
