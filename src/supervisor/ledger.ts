/**
 * The written state of one worker on its way to the store. Changes gather here; a commit takes all of them together with
 * the head, carries (epoch, base, revision, commit id), and is the only one in flight. If the store is away the very same commit is
 * tried again until its outcome is known: nothing is acknowledged before, nothing is lost, and nothing overtakes. If the store
 * turns out to hold something else (STALE), all of it is replaced by what the live sandbox holds.
 */
import { checksumOf } from '../core/checksum.ts';
import { RuntimeError } from '../core/errors.ts';
import type { Claimed, Commit, CommitResult, Replacement, StateChange } from '../store/contracts.ts';
import { damaged, fencedError, staleError } from './ledger-errors.ts';
import type { CommitNeed, LedgerOptions } from './ledger-options.ts';
import { StateDump, unasked } from './state-dump.ts';
import { checkRoom, type StateEdit } from './state-edit.ts';
import { StateSizes } from './state-sizes.ts';

interface Repair {
  /** The revision; null where the epoch already was an older one. */
  readonly found: bigint | null;
  /** The one that was refused. */
  readonly commit: Commit;
  /** What the dump is stored with. */
  head: string;
  /** What was written behind that commit, while a dump stands for it. */
  unsent: Map<string, string | null>;
  readonly dump: StateDump;
  /** No sandbox can say anything. */
  gone: boolean;
  /** Keys whose writes the dump stands for. */
  readonly changed: Set<string>;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: RuntimeError) => void;
}

const NO_SANDBOX = 'no live sandbox holds it';
/** A commit takes milliseconds. */
const SILENT_MS = 5_000;
const RETRY_MS = [50, 100, 200, 500, 1_000] as const;

/** Distinguishes the commits of this process from those of any other with the same epoch. */
const PROCESS_TAG = Math.random().toString(36).slice(2, 8);
let commitCount = 0;
let dumpCount = 0;

const newCommitId = (): string => `${PROCESS_TAG}-${(++commitCount).toString(36)}`;

export class Ledger {
  readonly #o: LedgerOptions;
  readonly epoch: bigint;
  #revision: bigint;
  #dirty = new Map<string, string | null>();
  #head: string | null = null;
  #need: CommitNeed = 'soon';
  #waiters: Waiter[] = [];
  #inFlight = false;
  #sentAt = 0;
  #flying: readonly Waiter[] = [];
  #lost: RuntimeError | null = null;
  #away = false;
  #cancelRetry: () => void = () => undefined;
  #sizes: StateSizes;
  #claimed: Claimed['entries'] | null;
  /** Nothing is sent but what it needs, and nothing is acknowledged, while there is one. */
  #repair: Repair | null = null;

  constructor(options: LedgerOptions) {
    this.#o = options;
    this.epoch = options.claimed.epoch;
    this.#revision = options.claimed.revision;
    this.#claimed = options.claimed.entries;
    this.#sizes = new StateSizes(options.limits);
    for (const [key, json] of options.claimed.entries) this.#sizes.add(key, json);
    const { checksum } = options.claimed;
    if (checksum !== undefined && checksum !== this.#sizes.checksum) throw damaged(options.worker, this.#revision);
  }

  get bytes(): number {
    return this.#sizes.bytes;
  }

  get keys(): number {
    return this.#sizes.keys;
  }

  /** The state as it was claimed, while nothing has changed it. */
  get claimedEntries(): Claimed['entries'] | null {
    return this.#claimed;
  }

  /** Nothing written is waiting for the store. */
  get settled(): boolean {
    return this.#dirty.size === 0 && !this.#inFlight;
  }

  /** Something written has not been sent yet. */
  get unsent(): boolean {
    return this.#dirty.size > 0;
  }

  /** The revision that has everything written so far, acknowledged or under way; null where none has. */
  get sent(): bigint | null {
    if (this.#dirty.size > 0 || this.#repair !== null) return null;
    return this.#inFlight ? this.#revision + 1n : this.#revision;
  }

  /** What the store has, as far as it was acknowledged. */
  get revision(): bigint {
    return this.#revision;
  }

  /** Is this what was acknowledged last, or what is just being stored on top of revision `from`? Nothing written may be unsent. */
  isOwn(stored: Claimed, from: bigint): boolean {
    if (stored.epoch !== this.epoch || stored.revision < from || stored.revision > this.#revision + 1n) return false;
    return checksumOf(stored.entries) === this.#sizes.checksum;
  }

  /** What was read is not what was written last: nothing live is left to write it again from, so it ends here. */
  foundStale(stored: { readonly epoch: bigint; readonly revision: bigint } | null): RuntimeError {
    const error =
      stored !== null && stored.epoch !== this.epoch
        ? fencedError(this.#o.worker, stored.epoch, this.epoch)
        : staleError(this.#o.worker, stored?.revision ?? 0n, this.#revision, NO_SANDBOX);
    this.close(error);
    return this.#lost ?? error;
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
    if (this.#repair?.dump.open === true) throw unasked();
    this.#claimed = null;
    this.#sizes.write(key, json);
    // Re-inserting keeps the order of last writes.
    this.#dirty.delete(key);
    this.#dirty.set(key, json);
  }

  /** @throws RuntimeError STATE_LIMIT */
  checkRoom(edit: StateEdit): void {
    checkRoom(this.#sizes.after(edit), this.#o.limits);
  }

  /** Takes what a person has written. @throws RuntimeError CELL_PROTOCOL in the middle of a dump */
  edit({ replace, changes }: StateEdit): void {
    if (this.#repair?.dump.open === true) throw unasked();
    this.#claimed = null;
    const all = new Map(changes);
    if (replace) for (const key of this.#sizes.names()) if (!all.has(key)) all.set(key, null);
    for (const [key, json] of all) {
      this.#sizes.add(key, json);
      this.#dirty.delete(key);
      this.#dirty.set(key, json);
    }
  }

  /** What was written before is in the dump that begins here. @throws RuntimeError CELL_PROTOCOL, as do the next two */
  beginDump(id: number): void {
    if (this.#lost !== null) return;
    if (this.#repair === null) throw unasked();
    this.#repair.dump.begin(id);
    for (const key of this.#dirty.keys()) this.#repair.changed.add(key);
    this.#repair.unsent = this.#dirty;
    this.#dirty = new Map();
  }

  takeDumped(key: string, json: string): void {
    if (this.#lost !== null) return;
    if (this.#repair === null) throw unasked();
    this.#repair.dump.take(key, json);
  }

  /** Whoever waits by now waits for what is in the dump. `keys` is null where the guest could not say all of it. */
  endDump(id: number, keys: number | null): void {
    if (this.#lost !== null) return;
    const repair = this.#repair;
    if (repair === null) throw unasked();
    if (!repair.dump.end(id, keys)) return this.#giveUp('its sandbox could not say its state');
    this.#cancelRetry();
    this.#sizes = repair.dump.sizes;
    this.#flying = [...this.#flying, ...this.#waiters.splice(0)];
    repair.head = this.#head ?? repair.head;
    this.#replace(repair, repair.found ?? 0n);
  }

  /** The sandbox will say nothing more. */
  sandboxGone(): void {
    const repair = this.#repair;
    if (repair === null || repair.dump.whole || repair.gone) return;
    this.#cancelRetry();
    if (repair.unsent.size > 0) this.#dirty = repair.unsent;
    this.#lookAgain(repair, 'its sandbox was lost meanwhile');
  }

  /** Resolves when everything written so far, and `head`, is stored. Rejects only when the ledger is {@link lost}. */
  commit(head: string, need: CommitNeed = 'soon'): Promise<void> {
    this.#head = head;
    if (this.#need === 'soon' || need === 'durable') this.#need = need;
    return new Promise((resolve, reject) => {
      if (this.#lost !== null) return reject(this.#lost);
      this.#waiters.push({ resolve, reject });
      this.#pump();
    });
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
      commitId: newCommitId(),
      head: this.#head,
      changes,
      checksum: this.#sizes.checksum,
      urgent: this.#need !== 'soon',
      durable: this.#need === 'durable',
    };
    this.#need = 'soon';
    this.#send(commit, 0);
  }

  /** Called every few seconds: a store that does not answer at all is away too. */
  look(): void {
    if (!this.#inFlight || this.#away || this.#lost !== null || this.#o.clock.monoMs() - this.#sentAt < SILENT_MS)
      return;
    this.#away = true;
    this.#o.onStore(true, `it has not answered for ${SILENT_MS / 1_000} s`);
  }

  #send(commit: Commit, attempt: number): void {
    this.#sentAt = this.#o.clock.monoMs();
    this.#o.store.commit(commit).then(
      (result) => this.#onResult(commit, result),
      (error: unknown) => this.#onAway(error, attempt, () => this.#send(commit, attempt + 1)),
    );
  }

  #onAway(error: unknown, attempt: number, again: () => void): void {
    // Trying again cannot help: what is written cannot be stored, or what is stored is damaged.
    if (error instanceof RuntimeError && !error.rule.retry) return this.close(error);
    const reason = error instanceof Error ? error.message : String(error);
    if (!this.#away) this.#o.onStore(true, reason);
    this.#away = true;
    this.#later(attempt, again);
  }

  #later(attempt: number, again: () => void): void {
    const pause = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] as number;
    if (this.#lost === null) this.#cancelRetry = this.#o.clock.after(pause, again);
  }

  #onResult(commit: Commit, result: CommitResult): void {
    if (result.kind === 'fenced' && result.epoch > this.epoch)
      return this.close(fencedError(commit.worker, result.epoch, this.epoch));
    if (this.#lost !== null) return;
    this.#onBack();
    // An epoch below ours was granted before: the store was put back to a time before this node claimed the worker.
    if (result.kind !== 'ok') return this.#onStale(commit, result.kind === 'stale' ? result.revision : null);
    this.#acknowledge(commit.revision, commit.changes);
  }

  #onBack(): void {
    if (!this.#away) return;
    this.#away = false;
    this.#o.onStore(false, '');
  }

  #acknowledge(revision: bigint, changes: readonly StateChange[]): void {
    this.#revision = revision;
    this.#inFlight = false;
    const stored = this.#flying;
    this.#flying = [];
    if (changes.length > 0) this.#o.onStored(changes);
    for (const waiter of stored) waiter.resolve();
    this.#pump();
  }

  /**
   * The stored state is not the one that was written last, and yet nobody else owns the worker: a store that was restored,
   * flushed or tampered with. Removal goes through the engine and closes this ledger first, so a worker that is not there is
   * lost data too. The only whole copy is in the sandbox; nothing is acknowledged until it is stored.
   */
  #onStale(commit: Commit, found: bigint | null): void {
    const dump = new StateDump(++dumpCount, this.#o.limits);
    const changed = new Set(commit.changes.map(({ key }) => key));
    const repair = { found, commit, head: commit.head, unsent: new Map(), dump, gone: false, changed };
    this.#repair = repair;
    const limitMs = this.#o.askDump(dump.id);
    if (limitMs === null) return this.#lookAgain(repair, NO_SANDBOX);
    const late = `its sandbox did not say its state within ${Math.ceil(limitMs / 1_000)} s`;
    this.#cancelRetry = this.#o.clock.after(limitMs, () => this.#giveUp(late));
  }

  /** A store with several copies may have what was acknowledged all the same, and says so when it is read: the commit fits again. */
  #lookAgain(repair: Repair, why: string, attempt = 0): void {
    repair.gone = true;
    this.#o.store.read(this.#o.worker).then(
      (stored) => {
        if (this.#lost !== null) return;
        this.#onBack();
        if (stored?.epoch !== this.epoch || stored.revision !== this.#revision) return this.#giveUp(why);
        this.#repair = null;
        this.#later(attempt, () => this.#send(repair.commit, 0));
      },
      (error: unknown) => this.#onAway(error, attempt, () => this.#lookAgain(repair, why, attempt + 1)),
    );
  }

  #giveUp(why: string): void {
    this.close(staleError(this.#o.worker, this.#repair?.found ?? null, this.#revision, why));
  }

  #replace(repair: Repair, stored: bigint): void {
    const revision = (stored > this.#revision ? stored : this.#revision) + 1n;
    this.#sendReplacement(repair, 0, {
      worker: this.#o.worker,
      epoch: this.epoch,
      revision,
      commitId: newCommitId(),
      head: repair.head,
      entries: [...repair.dump.entries],
      checksum: repair.dump.sizes.checksum,
    });
  }

  #sendReplacement(repair: Repair, attempt: number, replacement: Replacement): void {
    this.#sentAt = this.#o.clock.monoMs();
    this.#o.store.replace(replacement).then(
      (result) => {
        if (result.kind === 'fenced') return this.close(fencedError(replacement.worker, result.epoch, this.epoch));
        if (this.#lost !== null) return;
        this.#onBack();
        // Changed once more in between.
        if (result.kind === 'stale') return this.#later(attempt, () => this.#replace(repair, result.revision));
        this.#onRepaired(repair, replacement.revision);
      },
      (error: unknown) => this.#onAway(error, attempt, () => this.#sendReplacement(repair, attempt + 1, replacement)),
    );
  }

  #onRepaired({ found, dump, changed }: Repair, revision: bigint): void {
    this.#repair = null;
    this.#o.onRepaired({ found, ours: this.#revision, revision, keys: dump.entries.size });
    this.#acknowledge(
      revision,
      Array.from(changed, (key) => ({ key, json: dump.entries.get(key) ?? null })),
    );
  }

  /** Gives up: every waiter is rejected and nothing is sent any more. */
  close(error: RuntimeError): void {
    if (this.#lost !== null) return;
    this.#lost = error;
    this.#repair = null;
    this.#cancelRetry();
    for (const waiter of [...this.#flying, ...this.#waiters.splice(0)]) waiter.reject(error);
    this.#flying = [];
    if (error.code !== 'STOPPED') this.#o.onLost(error);
  }
}
