/** Redis behind sentinels and as a cluster: what fails over, restarts or forgets its scripts, while commits go on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { RedisStoreOptions } from '../../src/runtime.ts';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { commitWhenItCan, plainCommit } from '../support/commits.ts';
import { COUNTER, expectNothingLost } from '../support/counter.ts';
import { type Engine, id, startEngine } from '../support/engine.ts';
import { poll } from '../support/poll.ts';
import { type RedisCluster, type SentinelGroup, startCluster, startSentinels } from '../support/redis-cluster.ts';
import { type RedisServer, sharedPostgres } from '../support/servers.ts';

const EVERY = { schedule: { kind: 'interval', intervalMs: 100 } } as const;

/** Names of workers whose state is on this master. */
async function namesOn(cluster: RedisCluster, master: RedisServer, count: number): Promise<readonly string[]> {
  const names: string[] = [];
  for (let n = 0; names.length < count; n++)
    if ((await cluster.masterOf(keyOf(`w${n}`))) === master) names.push(`w${n}`);
  return names;
}

/** The longest pause between two ticks of each of them, from now on. */
function gapsOf(engine: Engine, names: readonly string[]): () => readonly number[] {
  const last = new Map(names.map((name) => [id(name), { at: performance.now(), gap: 0 }]));
  const note = (worker: string): void => {
    const before = last.get(worker);
    const at = performance.now();
    if (before !== undefined) last.set(worker, { at, gap: Math.max(before.gap, at - before.at) });
  };
  engine.runtime.on('tick', ({ worker }) => note(worker));
  return () => {
    for (const worker of last.keys()) note(worker);
    return [...last.values()].map(({ gap }) => gap);
  };
}

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
      message: expect.stringContaining('does not answer: the sentinels know no master of this name. Check redis.url'),
    });
  });

  test('that have a password of their own it is given apart from that of Redis', async () => {
    const guarded = await startSentinels('s3cret');
    onTestFinished(() => guarded.close());
    const open = (sentinel?: RedisStoreOptions['sentinel']): Promise<RedisClient> =>
      RedisClient.open({ url: guarded.url, prefix: 'test', ...(sentinel === undefined ? {} : { sentinel }) }, () => 0);
    for (const sentinel of [{ password: 's3cret' }, { username: 'default', password: 's3cret' }])
      (await open(sentinel)).close();
    for (const [sentinel, reason] of [
      [undefined, 'NOAUTH'],
      [{ password: 'hunter2' }, 'WRONGPASS'],
    ] as const)
      await expect(open(sentinel)).rejects.toMatchObject({
        code: 'STORE_UNUSABLE',
        message: expect.stringMatching(
          new RegExp(`refuses the login: ${reason}.*\\. Check redis\\.sentinel\\.password`),
        ),
      });
    const url = guarded.primary.url;
    await expect(
      RedisClient.open({ url, prefix: 'test', sentinel: { password: 's3cret' } }, () => 0),
    ).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
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

const keyOf = (worker: string): string => `tick-runtime:default:w:${id(worker)}`;

describe.each([2, 60])('%i workers in a cluster', (count) => {
  test('go on by themselves when their slots move to another master, and nothing is lost', {
    timeout: 90_000,
  }, async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.close());
    const [first, second, third] = cluster.masters;
    if (first === undefined || second === undefined || third === undefined) throw new Error('three masters');
    const names = await namesOn(cluster, first, count);
    const engine = await startWith(cluster.url);
    await Promise.all(names.map((name) => engine.run(name, COUNTER, EVERY)));
    await Promise.all(names.map((name) => engine.okTicks(name, 2)));
    for (const master of [second, third]) {
      await cluster.move(names.map(keyOf), master);
      const from = performance.now();
      await Promise.all(names.map((name) => engine.okTicks(name, 3)));
      expect(performance.now() - from).toBeLessThan(8_000);
    }
    await Promise.all(names.map((name) => expectNothingLost(engine, name)));
  });

  test('whose commits travel together are followed to another master', { timeout: 60_000 }, async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.close());
    const [first, second] = cluster.masters;
    if (first === undefined || second === undefined) throw new Error('two masters');
    const names = await namesOn(cluster, first, count);
    const client = await RedisClient.open({ url: cluster.url, prefix: 'tick-runtime:default' }, () => undefined);
    onTestFinished(() => client.close());
    const store = new RedisStateStore(client, null);
    onTestFinished(() => store.close());
    await Promise.all(names.map((name) => store.claim(id(name))));
    await cluster.move(names.map(keyOf), second);
    // At the first attempt.
    const results = await Promise.all(names.map((name) => store.commit(plainCommit(id(name), 0n))));
    expect(results.every(({ kind }) => kind === 'ok')).toBe(true);
  });
});

test('a master of a cluster that does not answer holds up its own workers only', { timeout: 90_000 }, async () => {
  const cluster = await startCluster();
  onTestFinished(() => cluster.close());
  const names = (await Promise.all(cluster.masters.map((master) => namesOn(cluster, master, 10)))) as string[][];
  const [healthy, silent] = [names.slice(0, 2).flat(), names.slice(2).flat()];
  const engine = await startWith(cluster.url);
  await Promise.all(names.flat().map((name) => engine.run(name, COUNTER, EVERY)));
  await Promise.all(names.flat().map((name) => engine.okTicks(name, 3)));
  cluster.masters[2]?.pause();
  const gaps = gapsOf(engine, healthy);
  await Promise.all(silent.map((name) => engine.inState(name, 'paused')));
  // Attempts to connect to it again among them.
  await sleep(12_000);
  expect(new Set(silent.map((name) => engine.runtime.worker(name).state))).toEqual(new Set(['paused']));
  // No command of theirs may wait the 5 s for those that the silent one does not answer. The client asks it for the slots, once, for 2 s.
  expect(Math.max(...gaps())).toBeLessThan(4_000);
  // Told by whoever sees it first: the worker's own watch, or that of the connection.
  for (const name of silent)
    expect(engine.runtime.worker(name).reason).toMatch(
      /no answer within 5 s|has not answered for 5 s|no connection|connect/,
    );
  cluster.masters[2]?.resume();
  await Promise.all(names.flat().map((name) => engine.okTicks(name, 3)));
  await Promise.all(names.flat().map((name) => expectNothingLost(engine, name)));
});

test('a key whose slot is half on its way is found, and a server that gets it and is silent ends nothing else', {
  timeout: 60_000,
}, async () => {
  const cluster = await startCluster();
  onTestFinished(() => cluster.close());
  const [first, second] = cluster.masters;
  if (first === undefined || second === undefined) throw new Error('two masters');
  const [name = ''] = await namesOn(cluster, first, 1);
  const client = await RedisClient.open({ url: cluster.url, prefix: 'tick-runtime:default' }, () => undefined);
  onTestFinished(() => client.close());
  const store = new RedisStateStore(client, null);
  onTestFinished(() => store.close());
  await store.claim(id(name));
  await cluster.moveHalf([keyOf(name)], second);
  expect(await store.commit(plainCommit(id(name), 0n))).toEqual({ kind: 'ok' });
  second.pause();
  // A promise that nobody holds would fail the whole run.
  const during = store.commit(plainCommit(id(name), 1n));
  await expect(during).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  second.resume();
  expect(await commitWhenItCan(store, id(name), 1n)).toEqual({ kind: 'ok' });
});

test('a replica of a cluster that takes the place of its master is found', { timeout: 60_000 }, async () => {
  const cluster = await startCluster();
  onTestFinished(() => cluster.close());
  const [first] = cluster.masters;
  if (first === undefined) throw new Error('a master');
  const names = await namesOn(cluster, first, 3);
  const engine = await startWith(cluster.url);
  await cluster.addReplica(first);
  await Promise.all(names.map((name) => engine.run(name, COUNTER, EVERY)));
  await Promise.all(names.map((name) => engine.okTicks(name, 3)));
  await first.kill();
  const from = performance.now();
  await Promise.all(names.map((name) => engine.okTicks(name, 3)));
  expect(performance.now() - from).toBeLessThan(15_000);
  await Promise.all(names.map((name) => expectNothingLost(engine, name)));
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
