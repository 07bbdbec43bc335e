import { setTimeout as sleep } from 'node:timers/promises';
import { RuntimeError } from '../../src/core/errors.ts';
import type { Commit, CommitResult, StateChange, StateStore } from '../../src/store/contracts.ts';

const PAUSE_MS = 50;
const LIMIT_MS = 20_000;

/** A commit that follows `base`, of the first owner; its number under the key `n`. */
export function plainCommit(worker: string, base: bigint, changes?: readonly StateChange[], epoch = 1n): Commit {
  const revision = base + 1n;
  return {
    worker,
    epoch,
    base,
    revision,
    commitId: `${epoch}-${revision}`,
    head: `{"tick":${revision}}`,
    changes: changes ?? [{ key: 'n', json: String(revision) }],
    urgent: true,
  };
}

/** As the ledger does it: the very same commit again until its outcome is known. */
export async function commitWhenItCan(store: StateStore, worker: string, base: bigint): Promise<CommitResult> {
  const commit = plainCommit(worker, base);
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await store.commit(commit);
    } catch (thrown) {
      if (!(thrown instanceof RuntimeError) || thrown.code !== 'STORE_UNAVAILABLE' || performance.now() > end)
        throw thrown;
    }
    await sleep(PAUSE_MS);
  }
}
