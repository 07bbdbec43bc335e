/** A claim whose answer was lost, and that the server carries out after the one that followed it: it takes the worker from nobody. */
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { RuntimeError } from '../../src/core/errors.ts';
import type { Commit, StateStore } from '../../src/store/contracts.ts';
import { migrate } from '../../src/store/postgres/migrations.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../src/store/postgres/postgres-state-store.ts';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { SyncedStateStore } from '../../src/store/synced/synced-state-store.ts';
import { sharedPostgres, sharedRedis } from '../support/servers.ts';

const WORKER = 'default/w';
const silent = (): void => undefined;

function commitOf(epoch: bigint, base: bigint): Commit {
  const [revision, commitId] = [base + 1n, `${epoch}-${base}`];
  return { worker: WORKER, epoch, base, revision, commitId, head: '{}', changes: [], durable: true };
}

async function openPostgres() {
  const { url, drop } = await sharedPostgres();
  const pool = new PostgresPool({ url, poolSize: 6 }, silent);
  onTestFinished(async () => {
    await pool.close();
    await drop();
  });
  await migrate(pool);
  const query = pool.query.bind(pool);
  let late: () => Promise<unknown> = () => Promise.reject(new Error('nothing was claimed'));
  /** The next claim fails as if its connection were lost. */
  const loseNext = (): void => {
    pool.query = (name, text, values) => {
      if (name !== 'claim') return query(name, text, values);
      pool.query = query;
      late = () => query(name, text, values);
      return Promise.reject(new RuntimeError('STORE_UNAVAILABLE', 'Connection terminated'));
    };
  };
  /** What was lost is carried out just before the next claim is. */
  const overtake = (): void => {
    pool.query = async (name, text, values) => {
      if (name === 'claim') {
        pool.query = query;
        await late();
      }
      return query(name, text, values);
    };
  };
  const durable = () => new PostgresStateStore({ pool, group: 'default', lease: null });
  return { loseNext, overtake, late: () => late(), durable };
}

async function openBoth() {
  const { durable, ...losses } = await openPostgres();
  const client = await RedisClient.open(sharedRedis(), silent);
  onTestFinished(() => client.close());
  const times = { checkpointMs: 60_000, unsyncedMs: 60_000 };
  const open = (): StateStore => {
    const parts = { hot: new RedisStateStore(client, null), durable: durable() };
    return new SyncedStateStore({ ...parts, ...times, clock: systemClock, ack: 'redis', log: silent });
  };
  return { ...losses, open };
}

const SET_UPS = {
  Postgres: async () => {
    const { durable, ...losses } = await openPostgres();
    return { ...losses, open: (): StateStore => durable() };
  },
  'Redis and Postgres': openBoth,
};

test.each(Object.entries(SET_UPS))('with %s the later claim stays the owner', async (_name, setUp) => {
  const { loseNext, late, open } = await setUp();
  const store = open();
  for (const base of [0n, 1n]) {
    loseNext();
    await expect(store.claim(WORKER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const { epoch } = await store.claim(WORKER);
    await late();
    expect(await store.commit(commitOf(epoch, base))).toEqual({ kind: 'ok' });
    expect(await store.read(WORKER)).toMatchObject({ epoch, revision: base + 1n });
  }
  await store.close();
});

test('a claim that a lost one overtakes is made again, above it, and every earlier owner is fenced', async () => {
  const { loseNext, overtake, durable } = await openPostgres();
  const [one, other] = [durable(), durable()];
  const { epoch } = await one.claim(WORKER);
  loseNext();
  await expect(one.claim(WORKER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  overtake();
  const next = await other.claim(WORKER);
  expect(next.epoch).toBeGreaterThan(epoch);
  expect(await one.commit(commitOf(epoch, 0n))).toEqual({ kind: 'fenced', epoch: next.epoch });
  expect(await other.commit(commitOf(next.epoch, 0n))).toEqual({ kind: 'ok' });
});
