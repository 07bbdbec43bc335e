/** Two copies of a worker's state that no rule can choose between: seen, and settled by a person. Redis and Postgres are really edited. */
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createRuntime, type Runtime, type RuntimeOptions, type StateCopy } from '../../src/index.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { id, startEngine, workerOf } from '../support/engine.ts';
import { folderWith } from '../support/folder.ts';
import { sharedPostgres, sharedRedis } from '../support/servers.ts';

const LONG = { timeout: 90_000 };

/** Servers of its own for one test, with the state of worker w in both: a is 1, b is 2. */
async function openPlace() {
  const { url, drop } = await sharedPostgres();
  const redisAt = sharedRedis();
  const prefix = redisAt.prefix.slice(0, -1);
  const redis = new Redis(redisAt.url);
  const options: RuntimeOptions = {
    dataDir: folderWith(),
    postgres: { url },
    redis: { url: redisAt.url, prefix },
    state: { checkpointMs: 100 },
    placement: { leaseMs: 3_000 },
  };
  const sql = async (text: string, values: readonly unknown[] = []): Promise<void> => {
    const pool = new PostgresPool({ url, poolSize: 3 }, () => undefined);
    await pool.query('test', text, [...values]);
    await pool.close();
  };
  onTestFinished(async () => {
    const keys = await redis.keys(`${prefix}:*`);
    if (keys.length > 0) await redis.del(keys);
    redis.disconnect();
    await drop();
  });
  const withNode = async <T>(work: (runtime: Runtime) => Promise<T>): Promise<T> => {
    const runtime = createRuntime(options);
    await runtime.start();
    try {
      return await work(runtime);
    } finally {
      await runtime.stop({ now: true });
    }
  };
  await withNode((runtime) =>
    runtime.replaceState(
      'w',
      [
        ['a', '1'],
        ['b', '2'],
      ],
      { create: true },
    ),
  );
  const hash = `${prefix}:default:w:${id('w')}`;
  return { options, redis, hash, sql, withNode };
}

const WORKER = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;

const SLOW = { schedule: { kind: 'interval', intervalMs: 1_000 } } as const;

describe('the copies of a worker in Redis and Postgres', () => {
  test('are shown as they are, and none where state is kept once', LONG, async () => {
    const { withNode } = await openPlace();
    const copies = await withNode((runtime) => runtime.stateCopies('w'));
    for (const copy of [copies?.redis, copies?.postgres])
      expect(copy).toMatchObject({
        revision: '1',
        intact: true,
        entries: [
          ['a', '1'],
          ['b', '2'],
        ],
      });
    const engine = await startEngine();
    await engine.runtime.replaceState('w', [], { create: true });
    expect(await engine.runtime.stateCopies('w')).toBeNull();
    await expect(engine.runtime.resolveState('w', 'redis')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  test.each(['redis', 'postgres'] as const)('that went apart at one revision: %s is taken', LONG, async (take) => {
    const { withNode, redis, hash, sql } = await openPlace();
    // As after two owners who both believed to be it.
    await redis.hset(hash, { '=a': '10', c: 'other', s: '' });
    await sql(`UPDATE tick_runtime.workers SET checksum = NULL`);
    await withNode(async (runtime) => {
      await expect(runtime.writeState('w', [{ key: 'x', value: 1 }])).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      await expect(runtime.deploy(workerOf('w', WORKER, SLOW))).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      const before = await runtime.stateCopies('w');
      await runtime.resolveState('w', take);
      const a = take === 'redis' ? '10' : '1';
      const after = await runtime.stateCopies('w');
      expect(after?.redis).toMatchObject({
        intact: true,
        entries: [
          ['a', a],
          ['b', '2'],
        ],
      });
      expect(after?.postgres).toEqual(after?.redis);
      for (const copy of [before?.redis, before?.postgres])
        if (typeof copy === 'object' && copy !== null && typeof after?.redis === 'object' && after.redis !== null) {
          expect(BigInt(after.redis.epoch)).toBeGreaterThan(BigInt(copy.epoch));
          expect(BigInt(after.redis.revision)).toBeGreaterThan(BigInt(copy.revision));
        }
      // The worker takes orders again.
      await runtime.deploy(workerOf('w', WORKER, SLOW));
      await runtime.writeState('w', [{ key: 'x', value: 1 }]);
    });
    expect(await withNode((runtime) => runtime.readState('w'))).toEqual({ a: take === 'redis' ? 10 : 1, b: 2, x: 1 });
  });

  test(
    'with a fence in Redis above the epoch and the clock of Postgres, which was put back: either can be taken',
    LONG,
    async () => {
      const { withNode, redis, hash } = await openPlace();
      // In the year 2255.
      const late = '9000000000000000';
      await redis.hset(hash, { e: late, w: late, r: '77' });
      await withNode(async (runtime) => {
        await expect(runtime.writeState('w', [{ key: 'x', value: 1 }])).rejects.toMatchObject({
          code: 'STATE_CONFLICT',
          message: expect.stringContaining(late),
        });
        expect(await runtime.resolveState('w', 'postgres')).toEqual({ revision: '78', live: false });
        const { redis: one, postgres: other } = (await runtime.stateCopies('w')) ?? {};
        expect(one).toMatchObject({ epoch: '9000000000000001', revision: '78' });
        expect(other).toEqual(one);
        await runtime.writeState('w', [{ key: 'x', value: 1 }]);
        expect(await runtime.readState('w')).toEqual({ a: 1, b: 2, x: 1 });
      });
    },
  );

  test('of which the newer one is damaged: it is taken with force only', LONG, async () => {
    const { withNode, redis, hash } = await openPlace();
    await redis.hset(hash, { r: '9', '=a': '"damaged"' });
    await withNode(async (runtime) => {
      await expect(runtime.writeState('w', [{ key: 'x', value: 1 }])).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      expect(await runtime.stateCopies('w')).toMatchObject({ redis: { intact: false }, postgres: { intact: true } });
      await expect(runtime.resolveState('w', 'redis')).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
      // Nothing was settled by that.
      await expect(runtime.writeState('w', [{ key: 'x', value: 1 }])).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      await runtime.resolveState('w', 'redis', { force: true });
      expect(await runtime.readState('w')).toEqual({ a: 'damaged', b: 2 });
      expect(await runtime.stateCopies('w')).toMatchObject({ redis: { intact: true }, postgres: { intact: true } });
    });
  });

  test('that are both damaged: one is taken with force, or an import takes the place of both', LONG, async () => {
    const { withNode, redis, hash, sql } = await openPlace();
    const damage = async (): Promise<void> => {
      await redis.hset(hash, { '=a': '"from redis"' });
      await sql(`UPDATE tick_runtime.state SET json = '"from postgres"' WHERE key = 'a'`);
    };
    await damage();
    await withNode(async (runtime) => {
      await expect(runtime.writeState('w', [{ key: 'x', value: 1 }])).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
      await expect(runtime.resolveState('w', 'postgres')).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
      await runtime.resolveState('w', 'postgres', { force: true });
      expect(await runtime.readState('w')).toEqual({ a: 'from postgres', b: 2 });
    });
    await damage();
    await withNode(async (runtime) => {
      await runtime.replaceState('w', [['c', '3']]);
      expect(await runtime.readState('w')).toEqual({ c: 3 });
      await runtime.writeState('w', [{ key: 'x', value: 1 }]);
      expect(await runtime.readState('w')).toEqual({ c: 3, x: 1 });
    });
  });

  test('of which one cannot even be read, or is not there', LONG, async () => {
    const { withNode, redis, hash } = await openPlace();
    await redis.hset(hash, { r: 'nonsense' });
    await withNode(async (runtime) => {
      expect(await runtime.stateCopies('w')).toMatchObject({ redis: expect.stringContaining('damaged') });
      await expect(runtime.resolveState('w', 'redis', { force: true })).rejects.toMatchObject({
        code: 'STATE_CORRUPT',
      });
      await runtime.resolveState('w', 'postgres');
      expect(await runtime.readState('w')).toEqual({ a: 1, b: 2 });
    });
    await redis.del(hash);
    await withNode(async (runtime) => {
      await expect(runtime.resolveState('w', 'redis')).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
      await runtime.writeState('w', [{ key: 'x', value: 1 }]);
      expect(await runtime.readState('w')).toEqual({ a: 1, b: 2, x: 1 });
      await expect(runtime.stateCopies('nobody')).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
    });
  });

  test('of a worker that runs are left alone', LONG, async () => {
    const { options } = await openPlace();
    const engine = await startEngine(options);
    await engine.run('w', WORKER);
    await engine.okTicks('w');
    await expect(engine.runtime.resolveState('w', 'redis')).rejects.toMatchObject({ code: 'ILLEGAL_TRANSITION' });
    const { live } = await engine.runtime.writeState('w', [{ key: 'n', value: 900 }]);
    expect(live).toBe(true);
    // A person's change is in both at once, whatever `ack` says.
    const copies = await engine.runtime.stateCopies('w');
    for (const copy of [copies?.redis, copies?.postgres])
      expect(Number(new Map((copy as StateCopy).entries).get('n'))).toBeGreaterThanOrEqual(900);
    await engine.okTicks('w');
  });
});
