/** Stores that go away, come back empty or answer slowly while workers tick: nothing acknowledged is lost, nobody is charged, all go on. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { RuntimeOptions, StateOptions } from '../../src/runtime.ts';
import { COUNTER, expectNothingLost } from '../support/counter.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { poll } from '../support/poll.ts';
import { runSql } from '../support/postgres-server.ts';
import { type Proxy as Between, startProxy } from '../support/proxy.ts';
import { type PostgresServer, type RedisServer, startPostgres, startRedis } from '../support/servers.ts';

const RESUME_MS = 8_000;

let postgres: PostgresServer;
let redis: RedisServer;
beforeAll(async () => {
  [postgres, redis] = await Promise.all([
    startPostgres({ inMemory: true, settings: { fsync: 'off' } }),
    startRedis({ appendonly: 'always' }),
  ]);
});
afterAll(() => Promise.all([postgres.close(), redis.close()]));

interface World {
  /** Of its database, past the proxy. */
  readonly database: string;
  readonly engine: Engine;
  /** In front of each server. */
  readonly postgres: Between;
  readonly redis: Between;
}

async function proxyTo(port: number): Promise<Between> {
  const proxy = await startProxy({ host: '127.0.0.1', port });
  onTestFinished(() => proxy.close());
  return proxy;
}

/** An engine with two workers that count, in front of both stores or of Postgres alone. */
async function startWorld(state: StateOptions, over: Partial<RuntimeOptions> & { alone?: true } = {}): Promise<World> {
  const { alone, ...options } = over;
  const [before, beside] = await Promise.all([proxyTo(postgres.port), proxyTo(redis.port)]);
  const database = await postgres.createDatabase();
  const engine = await startEngine({
    postgres: { url: before.rewrite(database) },
    ...(alone === undefined ? { redis: { url: beside.rewrite(redis.url), prefix: `t${randomUUID()}` } } : {}),
    state: { checkpointMs: 100, ...state },
    ...options,
  });
  await Promise.all([engine.run('a', COUNTER), engine.run('b', COUNTER)]);
  await bothTick(engine, 2);
  return { database, engine, postgres: before, redis: beside };
}

const bothTick = (engine: Engine, count: number): Promise<unknown> =>
  Promise.all([engine.okTicks('a', count), engine.okTicks('b', count)]);

const bothPaused = (engine: Engine): Promise<unknown> =>
  Promise.all([engine.inState('a', 'paused', 15_000), engine.inState('b', 'paused', 15_000)]);

/** Both workers pause, nothing is told meanwhile, and soon after `back` they tick again; nothing was lost by any of it. */
async function expectPauseAndReturn({ engine }: World, away: () => unknown, back: () => unknown): Promise<void> {
  const paused = bothPaused(engine);
  await away();
  await paused;
  const told = engine.ticks.length;
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(engine.ticks.length, 'ticks that were told while nothing could be stored').toBe(told);
  const again = bothTick(engine, 2);
  const from = performance.now();
  await back();
  await again;
  expect(performance.now() - from).toBeLessThan(RESUME_MS);
  for (const worker of ['a', 'b']) await expectNothingLost(engine, worker);
}

const lagOf = (engine: Engine) => engine.runtime.status().store.lag;

describe('Redis', () => {
  test('that is killed and comes back with its file: workers pause and go on, and the gap is told', async () => {
    const world = await startWorld({});
    await expectPauseAndReturn(
      world,
      () => redis.kill(),
      () => redis.restart(),
    );
    expect(world.engine.engineLog).toContainEqual(expect.stringMatching(/^warn: Redis at .*: /));
    const gap = world.engine.engineLog.filter((line) => line.includes('the store is'));
    expect(gap).toEqual([
      expect.stringMatching(/^error: the store is away: /),
      expect.stringMatching(/^info: the store is back; 2 workers waited for it, the first for [\d.]+ s$/),
    ]);
    expect(world.engine.states.filter(({ to }) => to === 'paused').map(({ reason }) => reason)).toContainEqual(
      expect.stringMatching(/Redis/),
    );
  });

  test('that refuses connections: workers pause and go on', async () => {
    const world = await startWorld({});
    await expectPauseAndReturn(
      world,
      () => world.redis.cut(),
      () => world.redis.heal(),
    );
  });

  test('that swallows everything: workers pause and go on', { timeout: 45_000 }, async () => {
    const world = await startWorld({});
    await expectPauseAndReturn(
      world,
      () => world.redis.blackHole(),
      () => world.redis.heal(),
    );
  });

  test('that is emptied: every worker is written again from its sandbox, and told once', async () => {
    // Postgres has nothing of what comes now.
    const world = await startWorld({ checkpointMs: 60_000 });
    const { engine } = world;
    await bothTick(engine, 5);
    const own = new Redis(redis.url);
    await own.flushall();
    own.disconnect();
    await bothTick(engine, 5);
    for (const worker of ['a', 'b']) {
      const told = engine.engineLog.filter((line) => line.startsWith('error') && line.includes(`default/${worker}`));
      expect(told).toEqual([expect.stringContaining('It was written again from the live sandbox')]);
      await expectNothingLost(engine, worker);
    }
  });

  test('that has no memory left: workers pause, and go on when it has', async () => {
    const world = await startWorld({});
    const own = new Redis(redis.url);
    onTestFinished(() => own.disconnect());
    await expectPauseAndReturn(
      world,
      () => own.config('SET', 'maxmemory', '1mb'),
      () => own.config('SET', 'maxmemory', '0'),
    );
    expect(world.engine.states.map(({ reason }) => reason)).toContainEqual(expect.stringContaining('OOM'));
  });

  test('that cannot write to its disk: workers pause, and go on when it can', async () => {
    const world = await startWorld({});
    const own = new Redis(redis.url);
    onTestFinished(() => own.disconnect());
    // Where its file should be is a folder: nothing can be renamed into place.
    mkdirSync(join(redis.dir, 'dump.rdb'));
    await expectPauseAndReturn(
      world,
      async () => {
        await own.config('SET', 'save', '3600 100000000');
        await own.config('SET', 'stop-writes-on-bgsave-error', 'yes');
        await own.bgsave();
        await poll(
          'the save fails',
          async () => (await own.info('persistence')).includes('rdb_last_bgsave_status:err') || undefined,
        );
      },
      () => own.config('SET', 'stop-writes-on-bgsave-error', 'no'),
    );
    await own.config('SET', 'save', '');
    expect(world.engine.states.map(({ reason }) => reason)).toContainEqual(expect.stringContaining('MISCONF'));
  });
});

describe('Postgres', () => {
  test('that is away: workers go on until state.unsyncedMax, the lag is told, they pause, and go on', {
    timeout: 45_000,
  }, async () => {
    const world = await startWorld({ unsyncedMs: 3_000 });
    const { engine } = world;
    expect(lagOf(engine)).toBeNull();
    const from = performance.now();
    await world.postgres.cut();
    await poll('the lag is told', () => lagOf(engine) ?? undefined);
    await bothTick(engine, 3);
    const lag = lagOf(engine);
    expect(lag?.workers).toBe(2);
    expect(lag?.characters).toBeGreaterThan(0);
    expect(lag?.sinceMs).toBeGreaterThan(0);
    expect(lag?.sinceMs).toBeLessThan(performance.now() - from + 200);
    expect(lag?.reason).toMatch(/^Postgres cannot do this now: .+/);
    await bothPaused(engine);
    const pausedAfter = performance.now() - from;
    expect(pausedAfter).toBeGreaterThan(2_500);
    expect(pausedAfter).toBeLessThan(8_000);
    expect(engine.runtime.worker('a').reason).toMatch(/Postgres lacks what was acknowledged 3 s ago/);
    const again = bothTick(engine, 3);
    await world.postgres.heal();
    await again;
    await poll('the lag is over', () => lagOf(engine) === null || undefined);
    expect(engine.engineLog).toContainEqual(expect.stringMatching(/^warn: a checkpoint failed and is tried again: /));
    expect(engine.engineLog).toContainEqual(
      expect.stringMatching(/^info: Postgres answers again after [\d.]+ s; .*2 workers/),
    );
    for (const worker of ['a', 'b']) await expectNothingLost(engine, worker);
  });

  test('that is away longer than the lease: workers go on over the connection to Redis that they have', async () => {
    const world = await startWorld({ unsyncedMs: 60_000 }, { placement: { leaseMs: 2_000 } });
    const { engine } = world;
    await world.postgres.cut();
    await poll('the lease has run out', () => engine.runtime.status().store.lease === 'cut-off' || undefined);
    await bothTick(engine, 5);
    await world.postgres.heal();
    await poll('the lease is held again', () => engine.runtime.status().store.lease === 'held' || undefined);
    await bothTick(engine, 2);
    for (const worker of ['a', 'b']) await expectNothingLost(engine, worker);
  });

  for (const [name, state, over] of [
    ['with ack: postgres', { ack: 'postgres' }, {}],
    ['without a Redis', {}, { alone: true }],
  ] as const)
    test(`that is away ${name}: workers pause at once and go on`, async () => {
      const world = await startWorld(state, over);
      await expectPauseAndReturn(
        world,
        () => world.postgres.cut(),
        () => world.postgres.heal(),
      );
    });

  test('that is killed without a Redis: workers pause and go on', async () => {
    const own = await startPostgres({ inMemory: true });
    onTestFinished(() => own.close());
    const engine = await startEngine({ postgres: { url: own.url } });
    await Promise.all([engine.run('a', COUNTER), engine.run('b', COUNTER)]);
    await bothTick(engine, 2);
    const proxy = await proxyTo(own.port);
    await expectPauseAndReturn(
      { database: own.url, engine, postgres: proxy, redis: proxy },
      () => own.kill(),
      () => own.restart(),
    );
  });

  test('that was put back for a worker that seldom ticks does not make the others wait', async () => {
    const world = await startWorld({ checkpointMs: 500, unsyncedMs: 1_000 });
    const { engine } = world;
    await engine.run('seldom', COUNTER, { schedule: { kind: 'interval', intervalMs: 3_600_000 } });
    await engine.okTicks('seldom');
    await runSql(world.database, `UPDATE tick_runtime.workers SET revision = 0 WHERE worker = 'default/seldom'`);
    // Longer than both times together.
    await bothTick(engine, 40);
    expect(engine.states.filter(({ to }) => to === 'paused')).toEqual([]);
    expect(engine.engineLog.filter((line) => line.includes('default/seldom'))).toEqual([
      'error: Postgres refused a checkpoint of worker default/seldom (stale): it was put back to an earlier time, or changed by hand. Redis has the worker; it is written again with its next commit',
    ]);
    for (const worker of ['a', 'seldom']) await expectNothingLost(engine, worker);
  });

  test('that is away while the engine stops: workers are stopping, it ends in time, and names what is not stored', {
    timeout: 60_000,
  }, async () => {
    const world = await startWorld({});
    const { engine } = world;
    await world.postgres.cut();
    await bothTick(engine, 2);
    const from = performance.now();
    const stopped = engine.runtime.stop({ graceMs: 1_000 });
    await poll('a worker is stopping', () => engine.states.some(({ to }) => to === 'stopping') || undefined);
    await stopped;
    expect(performance.now() - from).toBeLessThan(25_000);
    expect(engine.engineLog).toContainEqual(
      'error: closed while Postgres lacks the last changes of 2 workers; Redis has them',
    );
    const inRedis = { onlyInRedis: true, unacknowledged: false };
    expect(engine.runtime.unsaved).toEqual(['a', 'b'].map((name) => ({ worker: `default/${name}`, ...inRedis })));
    expect(engine.states.filter(({ to }) => to === 'stopped')).toEqual([]);
  });

  test('that comes back at the last moment of a stop has everything, and the workers are stopped', {
    timeout: 60_000,
  }, async () => {
    const world = await startWorld({});
    const { engine } = world;
    await world.postgres.cut();
    await poll('the lag is told', () => lagOf(engine) ?? undefined);
    const closing = poll('the workers are given up', () =>
      engine.engineLog.some((line) => line.includes('stopped before the last changes')) ? true : undefined,
    ).then(() => world.postgres.heal());
    await Promise.all([engine.runtime.stop({ graceMs: 200 }), closing]);
    const late = engine.engineLog.some((line) => line.includes('closed while Postgres lacks'));
    // Whichever it was: what is told is what is so.
    expect(engine.runtime.unsaved.length).toBe(late ? 2 : 0);
    expect(engine.states.filter(({ to }) => to === 'stopped').length).toBe(late ? 0 : 2);
  });

  test('that is away while a worker is ordered to stop: it is stopping until Postgres has that', {
    timeout: 60_000,
  }, async () => {
    const world = await startWorld({});
    const { engine } = world;
    const statusOf = () => engine.runtime.worker('a');
    await world.postgres.cut();
    const stopped = engine.runtime.stopWorker('a');
    await poll('it waits for Postgres', () => statusOf().reason?.includes('Postgres') || undefined);
    await engine.okTicks('b', 20);
    expect(statusOf()).toMatchObject({ state: 'stopping', desired: 'stopped' });
    expect(engine.states.filter(({ to }) => to === 'stopped')).toEqual([]);
    await world.postgres.heal();
    expect(await stopped).toMatchObject({ state: 'stopped', reason: null });
    const stored = `SELECT head::text LIKE '%"desired":"stopped"%' FROM tick_runtime.workers WHERE worker = 'default/a'`;
    await runSql(world.database, `DO $$ BEGIN ASSERT (${stored}); END $$`);
  });
});

describe('a store that is slow', () => {
  /** The 99th percentile of how late the event loop is meanwhile, ms. */
  async function latenessOf(work: () => Promise<unknown>): Promise<number> {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    await work();
    delay.disable();
    return delay.percentile(99) / 1e6 - 5;
  }

  test('delays those that wait for it, and neither the event loop nor, with ack: redis, anybody when it is Postgres', {
    timeout: 45_000,
  }, async () => {
    const world = await startWorld({});
    const { engine } = world;
    const more = Array.from({ length: 20 }, (_, n) => `w${n}`);
    await Promise.all(more.map((name) => engine.run(name, COUNTER)));
    const usual = await latenessOf(() => bothTick(engine, 10));
    const most = Math.max(100, usual * 3);

    world.postgres.delay(500);
    const from = performance.now();
    expect(await latenessOf(() => bothTick(engine, 20))).toBeLessThan(most);
    // A tick that waited for it would take half a second at least.
    expect(performance.now() - from).toBeLessThan(9_000);
    await world.postgres.heal();

    world.redis.delay(200);
    expect(await latenessOf(() => bothTick(engine, 2))).toBeLessThan(most);
    await world.redis.heal();
    world.redis.blackHole();
    expect(await latenessOf(() => bothPaused(engine))).toBeLessThan(most);
    await world.redis.heal();
    await bothTick(engine, 2);
    for (const worker of ['a', 'b']) await expectNothingLost(engine, worker);
  });
});
