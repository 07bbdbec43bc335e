/**
 * A Postgres that forgot who owned what: restored from a backup, or failed over to a replica that lacked the last claims. Whoever
 * claims next gets an epoch that nobody had before, so an earlier owner that still runs is fenced.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { Commit, StateStore } from '../../src/store/contracts.ts';
import { PostgresLease } from '../../src/store/postgres/lease.ts';
import { migrate } from '../../src/store/postgres/migrations.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../src/store/postgres/postgres-state-store.ts';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { SyncedStateStore } from '../../src/store/synced/synced-state-store.ts';
import { type SharedPostgres, sharedPostgres, sharedRedis } from '../support/servers.ts';

const silent = (): void => undefined;

let database: SharedPostgres;
let pool: PostgresPool;
beforeAll(async () => {
  database = await sharedPostgres();
  pool = new PostgresPool({ url: database.url, poolSize: 6 }, silent);
  await migrate(pool);
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

function commitOf(worker: string, epoch: bigint, base: bigint): Commit {
  const [revision, commitId] = [base + 1n, randomUUID()];
  const changes = [{ key: 'n', json: String(revision) }];
  return { worker, epoch, base, revision, commitId, head: '{}', changes };
}

async function openStores(kind: 'Postgres' | 'Redis and Postgres', said: string[] = []): Promise<() => StateStore> {
  const durable = () => new PostgresStateStore({ pool, group: 'default', lease: null });
  if (kind === 'Postgres') return durable;
  const client = await RedisClient.open(sharedRedis(), silent);
  onTestFinished(() => client.close());
  const log = (level: string, message: string): number => said.push(`${level}: ${message}`);
  const options = { clock: systemClock, ack: 'redis', checkpointMs: 60_000, unsyncedMs: 60_000, log } as const;
  return () => new SyncedStateStore({ hot: new RedisStateStore(client, null), durable: durable(), ...options });
}

const setEpoch = (worker: string, epoch: bigint): Promise<unknown> =>
  pool.query('set', `UPDATE "${pool.schema}".workers SET epoch = $2, written_epoch = $2 WHERE worker = $1`, [
    worker,
    epoch,
  ]);

describe.each(['Postgres', 'Redis and Postgres'] as const)('with %s', (kind) => {
  test('an owner that Postgres has forgotten is fenced by the next one, and what Redis has of it is kept', async () => {
    const worker = `default/${randomUUID()}`;
    const said: string[] = [];
    const open = await openStores(kind, said);
    const [first, owner, next] = [open(), open(), open()];
    const { epoch: backup } = await first.claim(worker);
    const { epoch } = await owner.claim(worker);
    await owner.commit(commitOf(worker, epoch, 0n));
    await setEpoch(worker, backup);
    expect(said).toEqual([]);
    const claimed = await next.claim(worker);
    if (kind !== 'Postgres')
      expect(said).toEqual([expect.stringMatching(/^warn: Postgres has forgotten an owner of worker /)]);
    expect(claimed.epoch).toBeGreaterThan(epoch);
    expect(claimed).toMatchObject({ revision: 1n, entries: [['n', '1']] });
    expect(await owner.commit(commitOf(worker, epoch, 1n))).toEqual({ kind: 'fenced', epoch: claimed.epoch });
    expect(await next.commit(commitOf(worker, claimed.epoch, 1n))).toEqual({ kind: 'ok' });
    await Promise.all([first, owner, next].map((store) => store.close()));
  });

  test('a worker that it has forgotten as a whole is claimed above its owner, with what Redis has of it', async () => {
    const worker = `default/${randomUUID()}`;
    const open = await openStores(kind);
    const [owner, next] = [open(), open()];
    const { epoch } = await owner.claim(worker);
    await owner.commit(commitOf(worker, epoch, 0n));
    await pool.query('forget-worker', `DELETE FROM "${pool.schema}".workers WHERE worker = $1`, [worker]);
    const claimed = await next.claim(worker);
    expect(claimed.epoch).toBeGreaterThan(epoch);
    if (kind !== 'Postgres') expect(claimed).toMatchObject({ revision: 1n, entries: [['n', '1']] });
    expect(await owner.commit(commitOf(worker, epoch, 1n))).toEqual({ kind: 'fenced', epoch: claimed.epoch });
    await Promise.all([owner, next].map((store) => store.close()));
  });

  test('epochs are the time of the database in microseconds, and go up by one where its clock went back', async () => {
    const worker = `default/${randomUUID()}`;
    const store = (await openStores(kind))();
    const before = Date.now();
    const { epoch } = await store.claim(worker);
    // The server's clock is that of this machine.
    expect(epoch).toBeGreaterThan(BigInt(before - 60_000) * 1_000n);
    expect(epoch).toBeLessThan(BigInt(Date.now() + 60_000) * 1_000n);
    const future = epoch + 10n ** 15n;
    await setEpoch(worker, future);
    expect(await store.claim(worker)).toMatchObject({ epoch: future + 1n });
    await store.close();
  });
});

test('the namesake of a removed worker begins empty, also where Redis still has the removed one', async () => {
  const worker = `default/${randomUUID()}`;
  const open = await openStores('Redis and Postgres');
  const [owner, next] = [open(), open()];
  const { epoch } = await owner.claim(worker);
  await owner.commit(commitOf(worker, epoch, 0n));
  // Redis was away when it was removed.
  const durable = new PostgresStateStore({ pool, group: 'default', lease: null });
  expect(await durable.remove(worker, epoch)).toEqual({ kind: 'ok' });
  expect(await next.claim(worker)).toMatchObject({ revision: 0n, head: null, entries: [] });
  await Promise.all([owner, next, durable].map((store) => store.close()));
});

test('the lease of a group is never granted twice under the same epoch', async () => {
  const group = randomUUID();
  const lease = (): PostgresLease => {
    const self = { node: randomUUID(), host: 'test', pid: process.pid };
    return new PostgresLease({ pool, clock: systemClock, group, self, redis: null, ttlMs: 60_000, log: silent });
  };
  const [owner, next] = [lease(), lease()];
  await owner.acquire(new AbortController().signal, silent);
  await pool.query('forget-lease', `DELETE FROM "${pool.schema}".leases WHERE node_group = $1`, [group]);
  await next.acquire(new AbortController().signal, silent);
  expect(next.proof()[1]).toBeGreaterThan(owner.proof()[1]);
  await Promise.all([owner.release(), next.release()]);
});
