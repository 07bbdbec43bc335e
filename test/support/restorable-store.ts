/** A store in memory that a test can put back, as an operator does with a backup: under the feet of whoever uses it. */
import type {
  Claimed,
  Commit,
  CommitResult,
  Replacement,
  StateStore,
  StoredWorker,
} from '../../src/store/contracts.ts';
import { MemoryStateStore } from '../../src/store/memory.ts';

export class RestorableStore implements StateStore {
  #inner = new MemoryStateStore();
  /** Calls wait while it is put back. */
  #ready: Promise<void> = Promise.resolve();

  /** What one worker is from now on; null makes it gone. The others stay as they are. */
  putBack(worker: string, change: (now: Claimed) => Claimed | null): Promise<void> {
    this.#ready = this.#ready.then(() => this.#rebuild(worker, change));
    return this.#ready;
  }

  async #rebuild(changed: string, change: (now: Claimed) => Claimed | null): Promise<void> {
    const kept: [string, Claimed][] = [];
    for (const { worker } of await this.#inner.list()) {
      const now = await this.#inner.read(worker);
      const then = now !== null && worker === changed ? change(now) : now;
      if (then !== null) kept.push([worker, then]);
    }
    const planted = kept.map(([worker, { epoch, revision }]) => ({ worker, epoch, revision: revision - 1n }));
    const inner = new MemoryStateStore(planted);
    for (const [worker, { epoch, revision, head, entries }] of kept)
      await inner.replace({ worker, epoch, revision, commitId: 'backup', head: head ?? '', entries });
    this.#inner = inner;
  }

  async claim(worker: string): Promise<Claimed> {
    await this.#ready;
    return this.#inner.claim(worker);
  }

  async read(worker: string): Promise<Claimed | null> {
    await this.#ready;
    return this.#inner.read(worker);
  }

  async commit(commit: Commit): Promise<CommitResult> {
    await this.#ready;
    return this.#inner.commit(commit);
  }

  async replace(replacement: Replacement): Promise<CommitResult> {
    await this.#ready;
    return this.#inner.replace(replacement);
  }

  async remove(worker: string, epoch: bigint): Promise<CommitResult> {
    await this.#ready;
    return this.#inner.remove(worker, epoch);
  }

  async list(): Promise<readonly StoredWorker[]> {
    await this.#ready;
    return this.#inner.list();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
