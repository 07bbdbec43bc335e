/**
 * Which of two copies of a worker is the newer one, and whether it may be trusted. No outcome replaces a newer copy by an older
 * one, and none ticks on data that does not match its checksum.
 */
import { checksumOf } from '../../core/checksum.ts';
import type { StateChange, StoredCopy } from '../contracts.ts';

export type CopyDecision =
  /** Both are the same. */
  | { readonly kind: 'same' }
  /** The one named is right; the other is brought up to it. `damaged`: that one did not match its checksum. */
  | { readonly kind: 'redis' | 'postgres'; readonly damaged: boolean }
  /** A person has to say which one is right. */
  | { readonly kind: 'conflict'; readonly why: string }
  | { readonly kind: 'corrupt' };

/** Negative where `a` is older than `b`: first by the owner who wrote it, then by its revision. */
export function compareVersions(a: StoredCopy, b: StoredCopy): number {
  if (a.writtenEpoch !== b.writtenEpoch) return a.writtenEpoch < b.writtenEpoch ? -1 : 1;
  if (a.revision !== b.revision) return a.revision < b.revision ? -1 : 1;
  return 0;
}

/** `redis` is null where nothing of the worker is there. */
export function decideCopy(postgres: StoredCopy, redis: StoredCopy | null): CopyDecision {
  const postgresIntact = isIntact(postgres);
  if (redis === null) return postgresIntact ? { kind: 'postgres', damaged: false } : { kind: 'corrupt' };
  const redisIntact = isIntact(redis);
  const order = compareVersions(postgres, redis);
  if (postgresIntact && redisIntact) {
    if (order !== 0) return { kind: order > 0 ? 'postgres' : 'redis', damaged: false };
    if (postgres.commitId === redis.commitId && postgres.checksum === redis.checksum) return { kind: 'same' };
    return { kind: 'conflict', why: `both hold revision ${redis.revision}, with different contents` };
  }
  if (postgresIntact) {
    if (order >= 0) return { kind: 'postgres', damaged: true };
    const { revision } = redis;
    return { kind: 'conflict', why: `Redis has the newer revision ${revision}, but does not match its checksum` };
  }
  if (redisIntact) {
    if (order <= 0) return { kind: 'redis', damaged: true };
    const { revision } = postgres;
    return { kind: 'conflict', why: `Postgres has the newer revision ${revision}, but does not match its checksum` };
  }
  return { kind: 'corrupt' };
}

export function isIntact({ checksum, entries }: StoredCopy): boolean {
  return checksum === undefined || checksumOf(entries) === checksum;
}

/** What makes `from` into `to`. */
export function changesBetween(from: StoredCopy['entries'], to: StoredCopy['entries']): StateChange[] {
  const before = new Map(from);
  const changes: StateChange[] = [];
  for (const [key, json] of to) {
    if (before.get(key) !== json) changes.push({ key, json });
    before.delete(key);
  }
  for (const key of before.keys()) changes.push({ key, json: null });
  return changes;
}
