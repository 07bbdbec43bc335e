/**
 * The rules that decide whether a commit, or a replacement, may be applied. Every implementation of {@link StateStore} answers like
 * this, whether it runs it as it stands here or says the same in SQL or Lua.
 */
import { RuntimeError } from '../core/errors.ts';
import type { Commit, CommitResult, Replacement } from './contracts.ts';

/** What a store must know of a worker to judge a commit. */
export interface StoredVersion {
  readonly epoch: bigint;
  readonly revision: bigint;
  /** Null until the first commit. */
  readonly commitId: string | null;
}

export type CommitDecision = CommitResult | { readonly kind: 'apply' };

export const COMMITTED: CommitResult = Object.freeze({ kind: 'ok' });
const APPLY: CommitDecision = Object.freeze({ kind: 'apply' });

/**
 * Fenced comes first: whoever lost the worker learns that, even about a commit that was applied while it still owned
 * it. An epoch that was never granted is refused in the same way. A worker that is not there is stale at revision 0.
 */
export function decideCommit(
  stored: StoredVersion | undefined,
  commit: { readonly epoch: bigint; readonly base: bigint; readonly commitId: string },
): CommitDecision {
  if (stored === undefined) return { kind: 'stale', revision: 0n };
  if (stored.epoch !== commit.epoch) return { kind: 'fenced', epoch: stored.epoch };
  if (stored.revision === commit.base) return APPLY;
  if (stored.revision === commit.base + 1n && stored.commitId === commit.commitId) return COMMITTED;
  return { kind: 'stale', revision: stored.revision };
}

/**
 * Fenced by newer epochs alone: a stored epoch below the new one was put back from a backup, and where it is the same, the stored
 * revision has to be below the new one. `removedEpoch` is the highest epoch that any removed worker had.
 */
export function decideReplacement(
  stored: StoredVersion | undefined,
  removedEpoch: bigint,
  replacement: { readonly epoch: bigint; readonly revision: bigint; readonly commitId: string },
): CommitDecision {
  if (stored === undefined) return replacement.epoch > removedEpoch ? APPLY : { kind: 'fenced', epoch: removedEpoch };
  if (stored.epoch > replacement.epoch) return { kind: 'fenced', epoch: stored.epoch };
  if (stored.epoch < replacement.epoch || stored.revision < replacement.revision) return APPLY;
  if (stored.revision === replacement.revision && stored.commitId === replacement.commitId) return COMMITTED;
  return { kind: 'stale', revision: stored.revision };
}

/**
 * Why a commit cannot be stored at all, or null. Text with half a surrogate pair has no UTF-8 form: a database would
 * silently keep something else, so it is refused before it gets there.
 */
export function refuseCommit(commit: Commit): RuntimeError | null {
  if (commit.revision !== commit.base + 1n) {
    return new RuntimeError('INTERNAL', `commit ${commit.commitId} of ${commit.worker}: revision is not base + 1`);
  }
  if (!commit.head.isWellFormed()) return malformed(commit.worker, 'its head');
  for (const { key, json } of commit.changes) {
    const refusal = refuseEntry(commit.worker, key, json);
    if (refusal !== null) return refusal;
  }
  return null;
}

/** Why a replacement cannot be stored at all, or null. */
export function refuseReplacement({ worker, head, entries }: Replacement): RuntimeError | null {
  if (!head.isWellFormed()) return malformed(worker, 'its head');
  for (const [key, json] of entries) {
    const refusal = refuseEntry(worker, key, json);
    if (refusal !== null) return refusal;
  }
  return null;
}

function refuseEntry(worker: string, key: string, json: string | null): RuntimeError | null {
  if (!key.isWellFormed()) return malformed(worker, 'a key');
  if (json !== null && !json.isWellFormed()) return malformed(worker, `the value of ${JSON.stringify(key)}`);
  return null;
}

function malformed(worker: string, what: string): RuntimeError {
  return new RuntimeError(
    'STATE_INVALID',
    `${what} of worker ${worker} holds half a surrogate pair, which no UTF-8 text can hold`,
  );
}
