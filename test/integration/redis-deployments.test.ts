/** Redis behind sentinels and as a cluster: what fails over, restarts or forgets its scripts, while commits go on. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { commitWhenItCan } from '../support/commits.ts';
import { COUNTER, expectNothingLost } from '../support/counter.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { poll } from '../support/poll.ts';
import { type SentinelGroup, startCluster, startSentinels } from '../support/redis-cluster.ts';
import { sharedPostgres } from '../support/servers.ts';

async function startWith(redisUrl: string): Promise<Engine> {
  const database = await sharedPostgres();
  onTestFinished(() => database.drop());
  return startEngine({
    postgres: { url: database.url },
    redis: { url: redisUrl },
    state: { checkpointMs: 60_000, unsyncedMs: 120_000 },
  });
}

describe('behind sentinels', () => {
  let group: SentinelGroup;
  beforeAll(async () => {
    group = await startSentinels();
  });
  afterAll(() => group.close());

  test('a master whom they do not know ends the start with a line', async () => {
    const url = group.url.replace('/main', '/other');
    await expect(RedisClient.open({ url, prefix: 'test' }, () => undefined)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('All sentinels are unreachable'),
    });
  });

  test('a failover lets workers pause and go on by themselves, and what the replica lacked is repaired', {
    timeout: 60_000,
  }, async () => {
    const engine = await startWith(group.url);
    for (const name of ['a', 'b']) await engine.run(name, COUNTER);
    await Promise.all([engine.okTicks('a', 3), engine.okTicks('b', 3)]);
    // From here on the replica misses what is acknowledged.
    group.replica.pause();
    const own = new Redis(group.primary.url);
    await own.call('CLIENT', 'KILL', 'TYPE', 'replica');
    own.disconnect();
    await Promise.all([engine.okTicks('a', 10), engine.okTicks('b', 10)]);
    const acknowledged = engine.ticks.length;
    await group.primary.kill();
    group.replica.resume();
    const from = performance.now();
    await Promise.all([engine.okTicks('a', 3), engine.okTicks('b', 3)]);
    expect(performance.now() - from).toBeLessThan(20_000);
    expect(engine.ticks.length).toBeGreaterThan(acknowledged);
    for (const worker of ['a', 'b']) {
      const told = engine.engineLog.filter((line) => line.startsWith('error') && line.includes(`default/${worker}`));
      expect(told).toEqual([expect.stringContaining('was not the one that was written last')]);
      await expectNothingLost(engine, worker);
    }
  });
});

test('a cluster takes the commits of two hundred workers over all its slots, and goes on when a master restarts', {
  timeout: 60_000,
}, async () => {
  const cluster = await startCluster();
  onTestFinished(() => cluster.close());
  const said: string[] = [];
  const client = await RedisClient.open({ url: cluster.url, prefix: 'test' }, (_level, message) => said.push(message));
  onTestFinished(() => client.close());
  expect(client.connection).toBeNull();
  const store = new RedisStateStore(client, null);
  onTestFinished(() => store.close());
  const workers = Array.from({ length: 200 }, (_, n) => `default/w${n}`);
  await Promise.all(workers.map((worker) => store.claim(worker)));
  const round = (base: bigint): Promise<readonly { readonly kind: string }[]> =>
    Promise.all(workers.map((worker) => commitWhenItCan(store, worker, base)));
  for (const base of [0n, 1n, 2n]) expect((await round(base)).every(({ kind }) => kind === 'ok')).toBe(true);
  for (const { url } of cluster.masters) {
    const own = new Redis(url);
    expect(await own.dbsize(), 'workers on each master').toBeGreaterThan(30);
    // It forgets the scripts: their whole texts are sent again.
    await own.script('FLUSH');
    own.disconnect();
  }
  expect((await round(3n)).every(({ kind }) => kind === 'ok')).toBe(true);

  const [, second] = cluster.masters;
  await second?.kill();
  const from = performance.now();
  const during = round(4n);
  // Which of them are on the others is no matter of the test.
  const some = workers.slice(0, 20);
  await poll(
    'the others answer',
    async () => (await Promise.any(some.map((worker) => store.read(worker))).catch(() => null)) ?? undefined,
  );
  await second?.restart();
  expect((await during).every(({ kind }) => kind === 'ok')).toBe(true);
  expect(performance.now() - from).toBeLessThan(15_000);
  const stored = await store.list();
  expect(stored.map(({ revision }) => revision)).toEqual(workers.map(() => 5n));
});

test('a start tells which master of a cluster evicts', { timeout: 60_000 }, async () => {
  const cluster = await startCluster();
  onTestFinished(() => cluster.close());
  const own = new Redis(cluster.masters[2]?.url ?? '');
  await own.config('SET', 'maxmemory-policy', 'allkeys-lfu');
  own.disconnect();
  await expect(startWith(cluster.url)).rejects.toMatchObject({
    code: 'STORE_UNUSABLE',
    message: expect.stringContaining('maxmemory-policy allkeys-lfu'),
  });
});
