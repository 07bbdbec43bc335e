/**
 * Brings Postgres up to what Redis has acknowledged: at once for a commit that must be in both, else when a worker has been
 * behind for the checkpoint interval. One step of a worker is under way at a time. While Postgres is away one worker
 * tries for all of them, with growing pauses.
 */
import type { Clock } from '../../core/clock.ts';
import { COMMITTED } from '../commit-rule.ts';
import type { CommitResult, StoreLag } from '../contracts.ts';
import type { PostgresStateStore } from '../postgres/postgres-state-store.ts';
import { type Behind, CheckpointTrouble } from './checkpoint-trouble.ts';
import type { SyncTrack } from './sync-track.ts';

export interface CheckpointerOptions {
  readonly durable: PostgresStateStore;
  readonly clock: Clock;
  /** How long a worker may be behind before it is written. */
  readonly checkpointMs: number;
  /** Of what is behind, all workers together. Above it nothing waits for the interval, and no further commit is taken. */
  readonly charactersMax: number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;
}

const LOOKS_PER_INTERVAL = 10;
const LOOK_MS_MIN = 20;
const LOOK_MS_MAX = 1_000;
/** Beyond the interval, and of one that was sent: a checkpoint takes milliseconds. */
const OVERDUE_MS = 1_500;
const RETRY_MS = [250, 500, 1_000, 2_000, 5_000] as const;

export class Checkpointer {
  readonly #o: CheckpointerOptions;
  /** Those that wait for the longest time since their last attempt first. */
  readonly #behind = new Map<string, SyncTrack>();
  readonly #underWay = new Map<SyncTrack, Promise<CommitResult>>();
  /** Of what is behind, as of the last look. */
  #characters = 0;
  #cancel: () => void = () => undefined;
  #failures = 0;
  #retryAt = 0;
  #awaySince: number | null = null;
  /** Sent without an answer to anything since then; null while none is under way. */
  #silentSince: number | null = null;
  readonly #trouble: CheckpointTrouble;

  constructor(options: CheckpointerOptions) {
    this.#o = options;
    this.#trouble = new CheckpointTrouble(options);
    this.#arm();
  }

  /** The track has got something that Postgres lacks. */
  note(track: SyncTrack): void {
    if (!this.#behind.has(track.worker)) this.#behind.set(track.worker, track);
  }

  /** It is no longer ours to write, or another track has taken its place. */
  drop(track: SyncTrack): void {
    if (this.#behind.get(track.worker) === track) this.#behind.delete(track.worker);
    // Nothing is lacking, and nobody is left who would find out whether Postgres answers.
    if (this.#behind.size > 0) return;
    this.#trouble.dropped();
    this.#reset();
  }

  /** Ms since Postgres answered to anything at all, while it does not; 0 while it does. */
  get awayMs(): number {
    return this.#awaySince === null ? 0 : this.#o.clock.monoMs() - this.#awaySince;
  }

  /** Of who is longest behind, ms. */
  get behindMs(): number {
    const now = this.#o.clock.monoMs();
    let since = now;
    for (const { behindSince } of this.#behind.values()) since = Math.min(since, behindSince ?? now);
    return now - since;
  }

  /** There is as much to write as may wait. */
  get full(): boolean {
    return this.#characters > this.#o.charactersMax;
  }

  /** Null while checkpoints come as they should: none fails, none is overdue. */
  lag(): StoreLag | null {
    const behind = this.#behindNow();
    const overdue = this.#silentMs > OVERDUE_MS || behind.sinceMs > this.#o.checkpointMs + OVERDUE_MS;
    const reason = this.#trouble.reason ?? (overdue ? 'a checkpoint is overdue: Postgres has not taken it yet' : null);
    return reason === null ? null : { ...behind, reason };
  }

  #behindNow(): Behind {
    return { sinceMs: this.behindMs, workers: this.#behind.size, characters: this.#characters };
  }

  /** Of what somebody waits for. */
  get #silentMs(): number {
    return this.#silentSince === null || this.#behind.size === 0 ? 0 : this.#o.clock.monoMs() - this.#silentSince;
  }

  /** Resolves when Postgres has at least what Redis had acknowledged at the call. @throws RuntimeError STORE_UNAVAILABLE */
  async sync(track: SyncTrack): Promise<CommitResult> {
    const { revision } = track.latest;
    // The one under way may have left before this revision came.
    const before = this.#underWay.get(track);
    if (before !== undefined) {
      const result = await before;
      if (result.kind !== 'ok') return result;
    }
    while (track.synced < revision) {
      const result = await (this.#underWay.get(track) ?? this.#start(track));
      if (result.kind !== 'ok') return result;
    }
    return COMMITTED;
  }

  /** Everything that is behind; what fails stays so. Resolves after `limitMs` at the latest. */
  async close(limitMs: number): Promise<void> {
    this.#cancel();
    let cancelLimit: () => void = () => undefined;
    const limit = new Promise<void>((resolve) => {
      cancelLimit = this.#o.clock.after(limitMs, resolve);
    });
    const all = Promise.allSettled(Array.from(this.#behind.values(), (track) => this.sync(track)));
    await Promise.race([all, limit]);
    cancelLimit();
    const left = Array.from(this.#behind.values());
    if (left.length > 0)
      this.#o.log('error', `closed while Postgres lacks the last changes of ${left.length} workers; Redis has them`, {
        workers: left.slice(0, 10).map(({ worker }) => worker),
      });
  }

  #start(track: SyncTrack): Promise<CommitResult> {
    this.#silentSince ??= this.#o.clock.monoMs();
    const run = this.#write(track).finally(() => {
      this.#underWay.delete(track);
      this.#silentSince = this.#underWay.size === 0 ? null : this.#o.clock.monoMs();
    });
    this.#underWay.set(track, run);
    return run;
  }

  async #write(track: SyncTrack): Promise<CommitResult> {
    const step = track.take();
    let result: CommitResult;
    try {
      result = await this.#o.durable.advance(step, true);
    } catch (thrown) {
      // One whose own step is the trouble must not keep the others from theirs.
      if (this.#behind.get(track.worker) === track) {
        this.#behind.delete(track.worker);
        this.#behind.set(track.worker, track);
      }
      this.#onFailure(thrown);
      throw thrown;
    }
    this.#onAnswer();
    if (result.kind !== 'ok') {
      this.#onRefused(track, result);
      return result;
    }
    track.landed(step);
    if (this.#behind.get(track.worker) === track) {
      this.#behind.delete(track.worker);
      if (track.behindSince !== null) this.#behind.set(track.worker, track);
    }
    return result;
  }

  /** It waits for its worker's next commit, which is told. Nobody else waits for it. */
  #onRefused(track: SyncTrack, result: CommitResult): void {
    this.drop(track);
    const isLater = result.kind === 'fenced' && result.epoch > track.epoch;
    if (track.refused === null && !isLater)
      this.#o.log(
        'error',
        `Postgres refused a checkpoint of worker ${track.worker} (${result.kind}): it was put back to an earlier time, or changed by hand. Redis has the worker; it is written again with its next commit`,
        { worker: track.worker },
      );
    track.refused = result;
  }

  #onAnswer(): void {
    this.#trouble.answered(this.#behindNow());
    this.#reset();
  }

  #reset(): void {
    this.#failures = 0;
    this.#awaySince = null;
    this.#retryAt = 0;
  }

  #onFailure(thrown: unknown): void {
    if (this.#behind.size === 0) return;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    this.#trouble.failed(reason, this.#silentMs);
    this.#awaySince ??= this.#o.clock.monoMs();
    const pause = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 0;
    this.#failures += 1;
    this.#retryAt = this.#o.clock.monoMs() + pause;
  }

  #arm(): void {
    const pause = Math.min(Math.max(LOOK_MS_MIN, this.#o.checkpointMs / LOOKS_PER_INTERVAL), LOOK_MS_MAX);
    this.#cancel = this.#o.clock.after(pause, () => {
      this.#arm();
      this.#look();
    });
  }

  #look(): void {
    const now = this.#o.clock.monoMs();
    this.#characters = 0;
    for (const { characters } of this.#behind.values()) this.#characters += characters;
    if (this.#silentMs > OVERDUE_MS) this.#trouble.silent(this.#silentMs, this.#behindNow());
    this.#trouble.look(this.#behindNow());
    if (now < this.#retryAt) return;
    for (const track of this.#behind.values()) {
      if (!this.full && now - (track.behindSince ?? now) < this.#o.checkpointMs) continue;
      if (this.#underWay.has(track)) continue;
      this.#start(track).catch(() => undefined);
      if (this.#trouble.reason !== null) return;
    }
  }
}
