/**
 * The written state of one worker on its way to the store. Changes gather here; a commit takes all of them together with
 * the head, carries (epoch, base, revision, commit id), and is the only one in flight. If the store is away the very same commit is
 * tried again until its outcome is known: nothing is acknowledged before, nothing is lost, and nothing overtakes.
 */
import type { Clock } from '../core/clock.ts';
import { RuntimeError } from '../core/errors.ts';
import type { StateLimits } from '../core/limits.ts';
import type { Claimed, Commit, CommitResult, StateChange, StateStore } from '../store/contracts.ts';

export interface LedgerOptions {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly worker: string;
  readonly claimed: Claimed;
  readonly limits: StateLimits;
  /** The store did not answer, or answers again. */
  readonly onStore: (away: boolean, reason: string) => void;
  /** Another owner took over, or the stored revision is not ours: nothing of this worker may be written any more. */
  readonly onLost: (error: RuntimeError) => void;
  readonly onStored: (changes: readonly StateChange[]) => void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: RuntimeError) => void;
}

const RETRY_MS = [50, 100, 200, 500, 1_000] as const;

/** Distinguishes the commits of this process from those of any other with the same epoch. */
const PROCESS_TAG = Math.random().toString(36).slice(2, 8);
let commitCount = 0;

export class Ledger {
  readonly #o: LedgerOptions;
  readonly epoch: bigint;
  #revision: bigint;
  #dirty = new Map<string, string | null>();
  #head: string | null = null;
  #waiters: Waiter[] = [];
  #inFlight = false;
  #flying: readonly Waiter[] = [];
  #lost: RuntimeError | null = null;
  #away = false;
  #cancelRetry: () => void = () => undefined;
  readonly #sizes = new Map<string, number>();
  #bytes = 0;
  #claimed: Claimed['entries'] | null;

  constructor(options: LedgerOptions) {
    this.#o = options;
    this.epoch = options.claimed.epoch;
    this.#revision = options.claimed.revision;
    this.#claimed = options.claimed.entries;
    for (const [key, json] of options.claimed.entries) this.#size(key, json);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get keys(): number {
    return this.#sizes.size;
  }

  /** The state as it was claimed, while nothing has changed it. */
  get claimedEntries(): Claimed['entries'] | null {
    return this.#claimed;
  }

  /** Nothing written is waiting for the store. */
  get settled(): boolean {
    return this.#dirty.size === 0 && !this.#inFlight;
  }

  /** Nothing can be stored any more, and why; null while all is well. */
  get lost(): RuntimeError | null {
    return this.#lost;
  }

  get away(): boolean {
    return this.#away;
  }

  /** @throws RuntimeError CELL_PROTOCOL when a cell lets a guest break the limits that it should have enforced. */
  write(key: string, json: string | null): void {
    this.#claimed = null;
    const { keyBytesMax, valueBytesMax, totalBytesMax, keysMax } = this.#o.limits;
    if (key.length > keyBytesMax || (json !== null && json.length > valueBytesMax))
      throw new RuntimeError('CELL_PROTOCOL', 'a state entry is over its limit');
    // No store takes half a surrogate pair: the commit would be tried again for ever.
    if (!key.isWellFormed() || json?.isWellFormed() === false)
      throw new RuntimeError('CELL_PROTOCOL', 'a state entry is not well-formed Unicode');
    this.#size(key, json);
    if (this.#bytes > totalBytesMax || this.#sizes.size > keysMax)
      throw new RuntimeError('CELL_PROTOCOL', 'a state is over its limit');
    // Re-inserting keeps the order of last writes.
    this.#dirty.delete(key);
    this.#dirty.set(key, json);
  }

  /** Resolves when everything written so far, and `head`, is stored. Rejects only when this owner was fenced. */
  commit(head: string): Promise<void> {
    this.#head = head;
    return new Promise((resolve, reject) => {
      if (this.#lost !== null) return reject(this.#lost);
      this.#waiters.push({ resolve, reject });
      this.#pump();
    });
  }

  #size(key: string, json: string | null): void {
    this.#bytes -= this.#sizes.get(key) ?? 0;
    if (json === null) this.#sizes.delete(key);
    else {
      const bytes = Buffer.byteLength(key) + Buffer.byteLength(json);
      this.#sizes.set(key, bytes);
      this.#bytes += bytes;
    }
  }

  #pump(): void {
    if (this.#inFlight || this.#head === null || this.#waiters.length === 0) return;
    this.#inFlight = true;
    const changes: StateChange[] = [];
    for (const [key, json] of this.#dirty) changes.push({ key, json });
    this.#dirty.clear();
    this.#flying = this.#waiters;
    this.#waiters = [];
    const commit: Commit = {
      worker: this.#o.worker,
      epoch: this.epoch,
      base: this.#revision,
      revision: this.#revision + 1n,
      commitId: `${PROCESS_TAG}-${(++commitCount).toString(36)}`,
      head: this.#head,
      changes,
    };
    this.#send(commit, 0);
  }

  #send(commit: Commit, attempt: number): void {
    this.#o.store.commit(commit).then(
      (result) => this.#onResult(commit, result),
      (error: unknown) => {
        // Trying again cannot help: what is written cannot be stored, or what is stored is damaged.
        if (error instanceof RuntimeError && !error.rule.retry) return this.close(error);
        const reason = error instanceof Error ? error.message : String(error);
        if (!this.#away) this.#o.onStore(true, reason);
        this.#away = true;
        const pause = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] as number;
        if (this.#lost === null) this.#cancelRetry = this.#o.clock.after(pause, () => this.#send(commit, attempt + 1));
      },
    );
  }

  #onResult(commit: Commit, result: CommitResult): void {
    if (result.kind !== 'ok') {
      const what =
        result.kind === 'fenced'
          ? `another owner took it over (epoch ${result.epoch}, ours ${commit.epoch})`
          : `the stored revision is ${result.revision}, not ${commit.base}`;
      const code = result.kind === 'fenced' ? 'FENCED' : 'STALE';
      return this.close(new RuntimeError(code, `Worker ${commit.worker} is no longer ours: ${what}.`));
    }
    if (this.#lost !== null) return;
    this.#revision = commit.revision;
    this.#inFlight = false;
    const stored = this.#flying;
    this.#flying = [];
    if (this.#away) {
      this.#away = false;
      this.#o.onStore(false, '');
    }
    if (commit.changes.length > 0) this.#o.onStored(commit.changes);
    for (const waiter of stored) waiter.resolve();
    this.#pump();
  }

  /** Gives up: every waiter is rejected and nothing is sent any more. */
  close(error: RuntimeError): void {
    if (this.#lost !== null) return;
    this.#lost = error;
    this.#cancelRetry();
    for (const waiter of [...this.#flying, ...this.#waiters.splice(0)]) waiter.reject(error);
    this.#flying = [];
    if (error.code !== 'STOPPED') this.#o.onLost(error);
  }
}
