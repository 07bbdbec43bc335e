/**
 * Two copies of a worker that nothing may choose between but a person: what was chosen is written to both stores again, as a new
 * revision above both and under an epoch above both fences, so that whoever owned the worker before is fenced.
 */
import { checksumOf } from '../../core/checksum.ts';
import { RuntimeError } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import type { Choice, Claimed, Replacement, StoredCopies, StoredCopy, WorkerId } from '../contracts.ts';
import type { PostgresStateStore } from '../postgres/postgres-state-store.ts';
import type { RedisStateStore } from '../redis/redis-state-store.ts';
import { isIntact } from './decide-copy.ts';

export interface Pair {
  readonly hot: RedisStateStore;
  readonly durable: PostgresStateStore;
}

/** Fences that were found too high. */
const TRIES_MAX = 5;

export async function readCopies({ hot, durable }: Pair, worker: WorkerId): Promise<StoredCopies> {
  const [redis, postgres] = await Promise.all([readable(hot.read(worker)), readable(durable.read(worker))]);
  return { redis, postgres };
}

/** @throws RuntimeError WORKER_NOT_FOUND, STATE_CORRUPT where a damaged copy is taken without force, FENCED */
export async function resolveCopies(pair: Pair, worker: WorkerId, choice: Choice): Promise<Claimed> {
  const { redis, postgres } = await readCopies(pair, worker);
  const given = 'take' in choice ? chosen(worker, choice, { redis, postgres }) : null;
  const entries = 'take' in choice ? (given?.entries ?? []) : choice.entries;
  const head = (given ?? wholeHead(postgres) ?? wholeHead(redis))?.head ?? null;
  const revision = max(revisionOf(redis), revisionOf(postgres)) + 1n;
  // Also asks whether this node may: its lease is looked at.
  let { epoch } = await pair.durable.claim(worker);
  epoch = max(epoch, epochOf(redis) + 1n);
  for (let left = TRIES_MAX; left > 0; left--) {
    const checksum = checksumOf(entries);
    const replacement: Replacement = {
      worker,
      epoch,
      revision,
      commitId: newId(),
      head: head ?? '',
      entries,
      checksum,
    };
    const results = [await pair.durable.replace(replacement)];
    if (results[0]?.kind === 'ok') results.push(await pair.hot.replace(replacement));
    const refused = results.find(({ kind }) => kind !== 'ok');
    if (refused === undefined) return { epoch, revision, head, entries, checksum };
    if (refused.kind !== 'fenced') break;
    epoch = refused.epoch + 1n;
  }
  throw new RuntimeError('FENCED', `Worker ${worker} was claimed by another owner meanwhile; nothing is settled.`);
}

function chosen(worker: WorkerId, choice: Extract<Choice, { take: string }>, copies: StoredCopies): StoredCopy {
  const copy = copies[choice.take];
  const where = choice.take === 'redis' ? 'Redis' : 'Postgres';
  if (copy === null) throw new RuntimeError('WORKER_NOT_FOUND', `${where} holds nothing of worker ${worker}.`);
  if (typeof copy === 'string')
    throw new RuntimeError('STATE_CORRUPT', `The copy of worker ${worker} in ${where} cannot be read: ${copy}`);
  if (!choice.force && !isIntact(copy))
    throw new RuntimeError(
      'STATE_CORRUPT',
      `The copy of worker ${worker} in ${where} does not match its checksum; look at it with \`runtime state diff ${worker}\`, and take it all the same with --force.`,
    );
  return copy;
}

async function readable(read: Promise<StoredCopy | null>): Promise<StoredCopy | string | null> {
  try {
    return await read;
  } catch (thrown) {
    if (thrown instanceof RuntimeError && thrown.code === 'STATE_CORRUPT') return thrown.message;
    throw thrown;
  }
}

const wholeHead = (copy: StoredCopies['redis']): StoredCopy | null =>
  copy === null || typeof copy === 'string' ? null : copy;
const revisionOf = (copy: StoredCopies['redis']): bigint => wholeHead(copy)?.revision ?? 0n;
const epochOf = (copy: StoredCopies['redis']): bigint => wholeHead(copy)?.epoch ?? 0n;
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
