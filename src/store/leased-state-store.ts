/**
 * A store that is used only while this node's lease holds. What was stored all the same is not acknowledged: it is tried again
 * when the lease was renewed, or never. The store's own fences protect what is stored; this protects what is told.
 */
import { RuntimeError } from '../core/errors.ts';
import type {
  Choice,
  Claimed,
  Commit,
  CommitResult,
  Replacement,
  StateStore,
  StoredCopies,
  StoredWorker,
  WorkerId,
} from './contracts.ts';

export class LeasedStateStore implements StateStore {
  readonly #inner: StateStore;
  /** Why nothing may be done now; null while it may. */
  readonly #obstacle: () => string | null;
  /** The lease is another node's, for good. */
  readonly #isLost: () => boolean;
  /** Only where the store has several copies. */
  readonly copies?: (worker: WorkerId) => Promise<StoredCopies>;
  readonly resolve?: (worker: WorkerId, choice: Choice) => Promise<Claimed>;

  constructor(inner: StateStore, obstacle: () => string | null, isLost: () => boolean) {
    this.#inner = inner;
    this.#obstacle = obstacle;
    this.#isLost = isLost;
    if (inner.copies !== undefined) this.copies = inner.copies.bind(inner);
    const resolve = inner.resolve?.bind(inner);
    if (resolve !== undefined) this.resolve = (worker, choice) => this.#guarded(() => resolve(worker, choice));
  }

  commit(commit: Commit): Promise<CommitResult> {
    return this.#guarded(() => this.#inner.commit(commit));
  }

  replace(replacement: Replacement): Promise<CommitResult> {
    return this.#guarded(() => this.#inner.replace(replacement));
  }

  remove(worker: WorkerId, epoch: bigint): Promise<CommitResult> {
    return this.#guarded(() => this.#inner.remove(worker, epoch));
  }

  claim(worker: WorkerId): Promise<Claimed> {
    return this.#guarded(() => this.#inner.claim(worker));
  }

  read(worker: WorkerId): Promise<Claimed | null> {
    return this.#inner.read(worker);
  }

  list(): Promise<readonly StoredWorker[]> {
    return this.#inner.list();
  }

  lag(): ReturnType<NonNullable<StateStore['lag']>> {
    return this.#inner.lag?.() ?? null;
  }

  progress(worker: WorkerId): ReturnType<NonNullable<StateStore['progress']>> {
    return this.#inner.progress?.(worker) ?? null;
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    this.#check();
    const result = await work();
    this.#check();
    return result;
  }

  #check(): void {
    const obstacle = this.#obstacle();
    if (obstacle !== null) throw new RuntimeError(this.#isLost() ? 'FENCED' : 'STORE_UNAVAILABLE', obstacle);
  }
}
