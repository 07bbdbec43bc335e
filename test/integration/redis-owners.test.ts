/** Two deployments that were given one Redis and one prefix: neither may take the other's workers for its own. Real servers. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createRuntime, type Runtime, type RuntimeOptions } from '../../src/index.ts';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { COUNTER, expectNothingLost } from '../support/counter.ts';
import { type Engine, id, shareCache, startEngine, workerOf } from '../support/engine.ts';
import { folderWith } from '../support/folder.ts';
import { poll } from '../support/poll.ts';
import { databaseUrl, runSql } from '../support/postgres-server.ts';
import { type RedisServer, sharedPostgres, startRedis } from '../support/servers.ts';

const LONG = { timeout: 60_000 };
const SLOW = { schedule: { kind: 'interval', intervalMs: 3_600_000 } } as const;
const ID = /^[0-9a-f]{16}$/;

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.close();
});

async function newDatabase(): Promise<string> {
  const { url, drop } = await sharedPostgres();
  onTestFinished(drop);
  return url;
}

/** Keys of one prefix, and deployments that use it. */
function newPrefix() {
  const prefix = `p${randomUUID().slice(0, 8)}`;
  const optionsOf = (url: string, schema = 'tick_runtime'): RuntimeOptions => ({
    dataDir: folderWith(),
    postgres: { url, schema, poolSize: 3 },
    redis: { url: server.url, prefix },
    state: { checkpointMs: 100 },
    placement: { leaseMs: 3_000 },
  });
  const keyOf = (worker: string): string => `${prefix}:default:w:${id(worker)}`;
  const empty = async (): Promise<void> => {
    const keys = await redis.keys(`${prefix}:*`);
    if (keys.length > 0) await redis.del(keys);
  };
  return { prefix, marker: `${prefix}:default:store`, keyOf, optionsOf, empty };
}

async function query(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client(url);
  await client.connect();
  return client.query(text).then(
    ({ rows }) => client.end().then(() => rows),
    (thrown: unknown) =>
      client.end().then(() => {
        throw thrown;
      }),
  );
}

const idOf = async (url: string): Promise<unknown> =>
  (await query(url, 'SELECT id FROM tick_runtime.store'))[0]?.['id'];

/** The one line of a start that is refused. */
async function refusalOf(options: RuntimeOptions): Promise<string> {
  shareCache(options.dataDir ?? '');
  const runtime = createRuntime(options);
  const thrown: unknown = await runtime.start().catch((error: unknown) => error);
  await runtime.stop({ now: true });
  expect(thrown).toMatchObject({ code: 'STORE_UNUSABLE' });
  const { message } = thrown as Error;
  expect(message).toMatch(/^[^\n]{1,600}$/);
  return message;
}

/** Beside an engine, whose own end looks at everything that this process has left: ended by the test, before that one. */
async function startSecond(options: RuntimeOptions): Promise<Runtime> {
  shareCache(options.dataDir ?? '');
  const runtime = createRuntime({ minIntervalMs: 10, ...options });
  onTestFinished(() => runtime.stop({ now: true }));
  await runtime.start();
  return runtime;
}

const stateOf = (engine: Engine): Promise<unknown> => engine.runtime.readState('w');

test(
  'the second one is refused, of another database or another schema, also where the first does not run',
  LONG,
  async () => {
    const [prod, staging] = [await newDatabase(), await newDatabase()];
    const { prefix, marker, optionsOf, keyOf } = newPrefix();
    const first = await startEngine(optionsOf(prod));
    await first.run('w', COUNTER);
    await first.okTicks('w', 3);
    const told = await refusalOf(optionsOf(staging));
    const place = new URL(prod);
    expect(told).toContain(
      `Redis at ${server.url} holds under \`${prefix}:default\` the state of another Postgres, ${place.host}${place.pathname}, schema tick_runtime (store ${await idOf(prod)}, since 20`,
    );
    expect(told).toContain('Give this one another redis.prefix.');
    expect(told).not.toContain('postgres:');
    // It did not get as far as the lease or a worker.
    expect(await query(staging, 'SELECT FROM tick_runtime.leases')).toEqual([]);
    expect(await refusalOf(optionsOf(prod, 'other'))).toContain('schema tick_runtime (store');
    await first.okTicks('w', 2);
    await expectNothingLost(first, 'w');
    await first.stop();
    const before = await redis.hgetall(keyOf('w'));
    await refusalOf(optionsOf(staging));
    expect(await redis.hgetall(keyOf('w'))).toEqual(before);
    expect(await redis.hget(marker, 'id')).toBe(await idOf(prod));
    // Another node group has keys of its own, and the first one goes on.
    const group = await startEngine({ ...optionsOf(staging), placement: { group: 'g2' } });
    await group.stop();
    const again = await startEngine(optionsOf(prod));
    expect(await stateOf(again)).toEqual({ n: Number(before['=n']) });
  },
);

test(
  'after Redis was emptied under the first, a second one gets none of what the first has written again',
  LONG,
  async () => {
    const [prod, staging] = [await newDatabase(), await newDatabase()];
    const { marker, keyOf, optionsOf, empty } = newPrefix();
    const first = await startEngine(optionsOf(prod));
    await first.run('w', COUNTER);
    await first.okTicks('w', 3);
    await empty();
    await first.okTicks('w', 3);
    expect(await redis.hget(keyOf('w'), 'i')).toBe(await idOf(prod));
    const second = await startSecond(optionsOf(staging));
    expect(await redis.hget(marker, 'id')).toBe(await idOf(staging));
    await expect(second.deploy(workerOf('w', COUNTER))).rejects.toMatchObject({
      code: 'STATE_CONFLICT',
      message: expect.stringMatching(
        /^Redis holds worker default\/w for another Postgres \(store [0-9a-f]{16}, ours is [0-9a-f]{16}\).* delete the key p.*:w:default\/w in Redis\.$/,
      ),
    });
    // Nobody is helped to it by a person either, who would take the other one's.
    for (const take of ['redis', 'postgres'] as const)
      await expect(second.resolveState('w', take)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    // Its other workers run.
    await second.deploy(workerOf('x', COUNTER));
    await second.startWorker('x');
    await poll('it ticks', async () => ((await second.readState('x'))['n'] === undefined ? undefined : true));
    await first.okTicks('w', 3);
    await expectNothingLost(first, 'w');
    const counted = await stateOf(first);
    await second.stop();
    await first.stop();
    expect(await refusalOf(optionsOf(prod))).toContain(`(store ${await idOf(staging)}, since 20`);
    // As docs/operations.md says: the one that stays makes the keys its own.
    await redis.del(marker);
    const again = await startEngine(optionsOf(prod));
    expect(await stateOf(again)).toEqual(counted);
    await expect(again.runtime.deploy(workerOf('x', COUNTER))).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  },
);

test(
  'whom the second one was ahead of with an emptied worker loses nothing, and is told why it ends',
  LONG,
  async () => {
    const [prod, staging] = [await newDatabase(), await newDatabase()];
    const { keyOf, optionsOf, empty } = newPrefix();
    const first = await startEngine({ ...optionsOf(prod), state: { checkpointMs: 60_000 } });
    for (const [name, interval] of [
      ['w', SLOW],
      ['v', SLOW],
    ] as const) {
      await first.run(name, COUNTER, interval);
      await first.runtime.writeState(name, [{ key: 'a', value: 1 }]);
    }
    await empty();
    const second = await startSecond(optionsOf(staging));
    await second.replaceState('w', [['b', '2']], { create: true });
    // An owner from before the first one: no epoch would hold that off.
    await redis.hset(keyOf('v'), { e: '1', w: '1', r: '5', i: String(await idOf(staging)), '=c': '3' });
    const theirs = await redis.hgetall(keyOf('w'));
    expect(theirs['i']).toBe(await idOf(staging));
    for (const name of ['w', 'v']) {
      await expect(first.runtime.writeState(name, [{ key: 'a', value: 2 }])).rejects.toBeDefined();
      await first.inState(name, 'failed');
      expect(first.states.at(-1)?.reason).toContain('for another Postgres (store');
    }
    expect(await redis.hgetall(keyOf('w'))).toEqual(theirs);
    expect(await redis.hget(keyOf('v'), '=c')).toBe('3');
    await second.stop();
    await first.stop();
    const kept = await query(
      prod,
      `SELECT w.worker, s.json FROM tick_runtime.workers w JOIN tick_runtime.state s ON s.worker = w.id WHERE s.key = 'a' ORDER BY 1`,
    );
    expect(kept).toEqual([
      { worker: 'default/v', json: '1' },
      { worker: 'default/w', json: '1' },
    ]);
  },
);

test('a Postgres that was restored or moved is the same one', LONG, async () => {
  const prod = await newDatabase();
  const { marker, optionsOf } = newPrefix();
  const first = await startEngine(optionsOf(prod));
  await first.run('w', COUNTER);
  await first.okTicks('w', 3);
  await first.runtime.stopWorker('w');
  const counted = await stateOf(first);
  await first.stop();
  const since = await redis.hget(marker, 'since');
  const name = `restored_${randomUUID().slice(0, 8)}`;
  const admin = databaseUrl(prod, 'postgres');
  await runSql(admin, `CREATE DATABASE ${name} TEMPLATE "${new URL(prod).pathname.slice(1)}"`);
  onTestFinished(() => runSql(admin, `DROP DATABASE ${name} WITH (FORCE)`));
  const second = await startEngine(optionsOf(databaseUrl(prod, name)));
  expect(await stateOf(second)).toEqual(counted);
  expect(await redis.hgetall(marker)).toEqual({
    id: await idOf(prod),
    where: expect.stringContaining(`/${name}, schema tick_runtime`),
    since,
  });
  await second.stop();
});

test('a Postgres that was made anew is refused at its place, and can adopt what Redis has', LONG, async () => {
  const prod = await newDatabase();
  const { optionsOf } = newPrefix();
  const first = await startEngine(optionsOf(prod));
  await first.run('w', COUNTER, SLOW);
  await first.runtime.writeState('w', [{ key: 'a', value: 1 }]);
  await first.stop();
  await runSql(prod, 'DROP SCHEMA tick_runtime CASCADE');
  const told = await refusalOf(optionsOf(prod));
  expect(told).toContain('the state of an earlier Postgres at the same place, ');
  const theirs = /\(store ([0-9a-f]{16})/.exec(told)?.[1] ?? '';
  await expect(runSql(prod, `UPDATE tick_runtime.store SET id = 'no id'`)).rejects.toThrow(/check constraint/);
  await runSql(prod, `UPDATE tick_runtime.store SET id = '${theirs}'`);
  const second = await startEngine(optionsOf(prod));
  await second.runtime.deploy(workerOf('w', COUNTER, SLOW));
  expect(await stateOf(second)).toMatchObject({ a: 1 });
});

test('what an older release has left is nobody else’s, and gets the id of who claims it', LONG, async () => {
  const prod = await newDatabase();
  const { marker, keyOf, optionsOf } = newPrefix();
  const first = await startEngine(optionsOf(prod));
  await first.runtime.replaceState('w', [['a', '1']], { create: true });
  await first.stop();
  await redis.hdel(keyOf('w'), 'i');
  await redis.del(marker);
  const second = await startEngine(optionsOf(prod));
  await second.runtime.writeState('w', [{ key: 'b', value: 2 }]);
  expect(await stateOf(second)).toEqual({ a: 1, b: 2 });
  const own = await redis.hget(keyOf('w'), 'i');
  expect(own).toMatch(ID);
  expect(own).toBe(await idOf(prod));
});

test('a Postgres whose own id is gone says so', LONG, async () => {
  const prod = await newDatabase();
  const { optionsOf } = newPrefix();
  await (await startEngine(optionsOf(prod))).stop();
  await runSql(prod, 'DELETE FROM tick_runtime.store');
  expect(await refusalOf(optionsOf(prod))).toContain('The table tick_runtime.store of Postgres at ');
});

test('the marker is looked for before the lease: a node that would stand by is refused at once', LONG, async () => {
  const [prod, staging] = [await newDatabase(), await newDatabase()];
  const { marker, optionsOf } = newPrefix();
  await startEngine(optionsOf(prod));
  await poll('it has the marker', async () => ((await redis.exists(marker)) === 1 ? true : undefined));
  await redis.hset(marker, { id: '00000000000000aa', where: 'elsewhere', since: 'long ago' });
  // The lease of prod is held.
  expect(await refusalOf(optionsOf(prod))).toContain(
    'another Postgres, elsewhere (store 00000000000000aa, since long ago',
  );
  expect(await refusalOf(optionsOf(staging))).toContain('elsewhere');
});

test('each step on a worker of another Postgres is refused by itself, and leaves it as it is', async () => {
  const { prefix } = newPrefix();
  const client = await RedisClient.open({ url: server.url, prefix }, () => undefined);
  onTestFinished(() => client.close());
  const [theirs, ours, any] = ['00000000000000aa', '00000000000000bb', null].map(
    (one) => new RedisStateStore(client, one),
  );
  if (theirs === undefined || ours === undefined || any === undefined) throw new Error('there are three');
  const worker = id('w');
  const version = { worker, revision: 5n, commitId: 'c', head: '{}' };
  const copy = { ...version, epoch: 50n, writtenEpoch: 50n, entries: [['a', '1']] } as const;
  expect(await theirs.repair(worker, copy)).toEqual({ kind: 'ok' });
  const hash = await redis.hgetall(`${prefix}:w:${worker}`);
  expect(hash).toMatchObject({ e: '50', i: '00000000000000aa', '=a': '1' });
  const commit = { ...version, base: 5n, revision: 6n, changes: [] };
  // Below, and above its own epoch.
  for (const epoch of [49n, 51n])
    for (const step of [
      () => ours.raise(worker, epoch),
      () => ours.read(worker),
      () => ours.commit({ ...commit, epoch }),
      () => ours.replace({ ...version, epoch, revision: 9n, entries: [] }),
      () => ours.repair(worker, { ...copy, epoch, writtenEpoch: epoch, revision: 9n }),
    ])
      await expect(step(), String(step)).rejects.toMatchObject({
        code: 'STATE_CONFLICT',
        message: expect.stringContaining('(store 00000000000000aa, ours is 00000000000000bb)'),
      });
  await ours.forget(worker, 51n);
  expect(await redis.hgetall(`${prefix}:w:${worker}`)).toEqual(hash);
  // It is still its owner's, and of a store that knows no id.
  expect(await any.read(worker)).toMatchObject({ epoch: 50n, entries: [['a', '1']] });
  expect(await theirs.commit({ ...commit, epoch: 50n })).toEqual({ kind: 'ok' });
  expect(await theirs.commit({ ...commit, epoch: 40n })).toEqual({ kind: 'fenced', epoch: 50n });
  // What is left of a removed worker is theirs as well.
  expect(await theirs.remove(worker, 50n)).toEqual({ kind: 'ok' });
  await expect(ours.raise(worker, 60n)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  expect(await theirs.raise(worker, 60n)).toBeNull();
  await Promise.all([theirs, ours, any].map((store) => store.close()));
});
