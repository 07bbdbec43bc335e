/** A state store that does what the test says: waits, fails before or after it stored, or answers. */
import { RuntimeError } from '../../src/core/errors.ts';
import type {
  Claimed,
  Commit,
  CommitResult,
  Replacement,
  StateStore,
  StoredWorker,
} from '../../src/store/contracts.ts';

/** What a call meets: `ok` passes, `refuse` fails before it is stored, `lose` stores it and fails all the same. */
export type Fate = 'ok' | 'refuse' | 'lose';

export class CommandedStore implements StateStore {
  readonly #inner: StateStore;
  /** What every call meets until it is changed. */
  fate: Fate = 'ok';
  /** Reads fail too while `fate` is not `ok`. */
  readsToo = true;
  /** Done before anything is read. */
  onRead: (() => Promise<void>) | null = null;
  /** The fates of the next commits, before `fate` counts. */
  readonly next: Fate[] = [];
  /** Every commit that was asked for, in order, with repetitions. */
  readonly commits: Commit[] = [];
  /** Every replacement that was asked for; they meet the same fates. */
  readonly replacements: Replacement[] = [];
  /** When it is a promise, commits wait for it before anything else. */
  gate: Promise<void> | null = null;

  constructor(inner: StateStore) {
    this.#inner = inner;
  }

  async claim(worker: string): Promise<Claimed> {
    this.#look();
    return this.#inner.claim(worker);
  }

  async read(worker: string): Promise<Claimed | null> {
    if (this.readsToo) this.#look();
    await this.onRead?.();
    return this.#inner.read(worker);
  }

  async commit(commit: Commit): Promise<CommitResult> {
    this.commits.push(commit);
    return this.#write(() => this.#inner.commit(commit));
  }

  async replace(replacement: Replacement): Promise<CommitResult> {
    this.replacements.push(replacement);
    return this.#write(() => this.#inner.replace(replacement));
  }

  async remove(worker: string, epoch: bigint): Promise<CommitResult> {
    this.#look();
    return this.#inner.remove(worker, epoch);
  }

  async list(): Promise<readonly StoredWorker[]> {
    this.#look();
    return this.#inner.list();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #write(write: () => Promise<CommitResult>): Promise<CommitResult> {
    if (this.gate !== null) await this.gate;
    const fate = this.next.shift() ?? this.fate;
    if (fate === 'refuse') throw away();
    const result = await write();
    if (fate === 'lose') throw away();
    return result;
  }

  #look(): void {
    if (this.fate !== 'ok') throw away();
  }
}

function away(): RuntimeError {
  return new RuntimeError('STORE_UNAVAILABLE', 'the store was told to be away');
}
