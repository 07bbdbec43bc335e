/** What Redis in front of Postgres does where one of them is not what it was: real servers, edited by hand. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checksumOf } from '../../src/core/checksum.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Commit } from '../../src/store/contracts.ts';
import { migrate } from '../../src/store/postgres/migrations.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../src/store/postgres/postgres-state-store.ts';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { SyncedStateStore } from '../../src/store/synced/synced-state-store.ts';
import { sharedPostgres, sharedRedis } from '../support/servers.ts';

const WORKER = 'default/w';
const silent = (): void => undefined;

function commitOf(epoch: bigint, base: bigint, n: number, over: Partial<Commit> = {}): Commit {
  const changes = [{ key: 'n', json: String(n) }];
  const checksum = checksumOf([['n', String(n)]]);
  const head = `{"tick":${n}}`;
  return {
    worker: WORKER,
    epoch,
    base,
    revision: base + 1n,
    commitId: `${epoch}-${base}`,
    head,
    checksum,
    changes,
    ...over,
  };
}

async function stage() {
  const [postgres, { url, prefix }] = [await sharedPostgres(), sharedRedis()];
  const pool = new PostgresPool({ url: postgres.url, poolSize: 6 }, silent);
  await migrate(pool);
  const client = await RedisClient.open({ url, prefix }, silent);
  const redis = new Redis(url);
  const said: string[] = [];
  const opened: SyncedStateStore[] = [];
  const open = ({ checkpointMs = 60_000, unsyncedMs = 60_000 } = {}) => {
    const store = new SyncedStateStore({
      hot: new RedisStateStore(client, null),
      durable: new PostgresStateStore({ pool, group: 'default', lease: null }),
      clock: systemClock,
      ack: 'redis',
      checkpointMs,
      unsyncedMs,
      log: (level, message) => said.push(`${level}: ${message}`),
    });
    opened.push(store);
    return store;
  };
  onTestFinished(async () => {
    await Promise.allSettled(opened.map((store) => store.close()));
    redis.disconnect();
    client.close();
    await pool.close();
    await postgres.drop();
  });
  const hash = `${prefix}:w:${WORKER}`;
  const stored = async () =>
    (await pool.raw.query('SELECT revision, head FROM tick_runtime.workers WHERE worker = $1', [WORKER])).rows[0];
  return { open, pool, redis, hash, stored, said };
}

describe('Redis in front of Postgres', () => {
  test('accepts no commit of who has not claimed the worker here: nothing would bring Postgres up to it', async () => {
    const { open, redis, hash } = await stage();
    const owner = open();
    const { epoch } = await owner.claim(WORKER);
    await owner.commit(commitOf(epoch, 0n, 1));
    const other = open();
    const refused = other.commit(commitOf(epoch, 1n, 2, { durable: true }));
    await expect(refused).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await redis.hget(hash, '=n')).toBe('1');
    expect(await other.commit(commitOf(epoch + 1n, 1n, 2))).toEqual({ kind: 'fenced', epoch });
    await owner.close();
    await other.close();
  });

  test('writes a Postgres that was put back again from an intact Redis, when the worker is read', async () => {
    const { open, pool, stored, said } = await stage();
    const store = open();
    const { epoch } = await store.claim(WORKER);
    await store.commit(commitOf(epoch, 0n, 1, { durable: true }));
    await store.commit(commitOf(epoch, 1n, 2, { durable: true }));
    await pool.raw.query(`UPDATE tick_runtime.workers SET revision = 1, commit_id = 'old', head = '{"tick":1}'`);
    await pool.raw.query(`UPDATE tick_runtime.state SET json = '1'`);
    expect(await store.commit(commitOf(epoch, 2n, 3, { durable: true }))).toEqual({ kind: 'stale', revision: 1n });
    // Redis has the commit that Postgres refused.
    expect(await store.read(WORKER)).toMatchObject({ revision: 3n, entries: [['n', '3']] });
    expect(await stored()).toEqual({ revision: '3', head: '{"tick":3}' });
    expect(said.at(-1)).toContain('was put back, and was written again');
    expect(await store.commit(commitOf(epoch, 3n, 4, { durable: true }))).toEqual({ kind: 'ok' });
    expect(await stored()).toEqual({ revision: '4', head: '{"tick":4}' });
    await store.close();
  });

  test('takes what only its own track has along into a new claim, where Redis lost it', async () => {
    const { open, redis, hash, stored } = await stage();
    const store = open();
    const { epoch } = await store.claim(WORKER);
    for (const n of [1, 2, 3]) await store.commit(commitOf(epoch, BigInt(n - 1), n));
    expect(await stored()).toEqual({ revision: '0', head: null });
    await redis.del(hash);
    const again = await store.claim(WORKER);
    expect(again).toMatchObject({ revision: 3n, entries: [['n', '3']] });
    expect(again.epoch).toBeGreaterThan(epoch);
    await store.close();
  });

  test('says what a claim may lack where Redis lost it while no node ran, and only then', async () => {
    const { open, redis, hash } = await stage();
    const first = open();
    const { epoch } = await first.claim(WORKER);
    await first.commit(commitOf(epoch, 0n, 1, { durable: true }));
    await first.commit(commitOf(epoch, 1n, 2));
    expect((await open().claim(WORKER)).mayLack).toBeUndefined();
    const again = open();
    const { epoch: later } = await again.claim(WORKER);
    await again.commit(commitOf(later, 2n, 3));
    // That node is gone, with what only its memory had; and so is the copy in Redis.
    await redis.del(hash);
    expect(await open().claim(WORKER)).toMatchObject({ mayLack: true, revision: 2n, entries: [['n', '2']] });
  });

  test('takes commits for as long as both answer, however long it gathers them', async () => {
    const { open, stored } = await stage();
    const store = open({ checkpointMs: 1_000, unsyncedMs: 1_000 });
    const { epoch } = await store.claim(WORKER);
    const until = performance.now() + 2_500;
    let n = 0;
    for (; performance.now() < until; n++) {
      expect(await store.commit(commitOf(epoch, BigInt(n), n + 1))).toEqual({ kind: 'ok' });
      await sleep(5);
    }
    expect(Number((await stored()).revision)).toBeGreaterThan(0);
    expect(store.lag()).toBeNull();
  });

  test('shows neither copy of a worker as its state where a person has to choose', async () => {
    const { open, pool } = await stage();
    const owner = open();
    const { epoch } = await owner.claim(WORKER);
    await owner.commit(commitOf(epoch, 0n, 1, { durable: true }));
    await owner.close();
    const edited = checksumOf([['n', '7']]);
    await pool.raw.query(`UPDATE tick_runtime.workers SET checksum = '${edited}'`);
    await pool.raw.query(`UPDATE tick_runtime.state SET json = '7'`);
    const reader = open();
    await expect(reader.read(WORKER)).rejects.toMatchObject({
      code: 'STATE_CONFLICT',
      message: expect.stringContaining('runtime state diff'),
    });
    // A Postgres that merely is behind is no conflict.
    await pool.raw.query(`UPDATE tick_runtime.workers SET revision = 0, checksum = NULL`);
    expect(await reader.read(WORKER)).toMatchObject({ revision: 1n, entries: [['n', '1']] });
  });
});
