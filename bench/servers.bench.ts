/**
 * State in Redis and Postgres: real servers on this machine, on its disk, with checkpoints on. Commits alone (every worker has one
 * in flight), the hydration of 1,000 workers, and the whole path of ticks against the same engine with a store in memory. The
 * peer of the commits is Redis itself: as many HSETs of the same size, pipelined, without any check.
 *
 *   npm run bench -- servers
 */
import { fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { systemClock } from '../src/core/clock.ts';
import type { RuntimeOptions } from '../src/index.ts';
import type { StateStore } from '../src/store/contracts.ts';
import { openEmbeddedStores } from '../src/store/embedded/open.ts';
import { MemoryRecordStore, MemoryStateStore } from '../src/store/memory.ts';
import { migrate } from '../src/store/postgres/migrations.ts';
import { PostgresPool } from '../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../src/store/postgres/postgres-state-store.ts';
import { RedisClient } from '../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../src/store/redis/redis-state-store.ts';
import { SyncedStateStore } from '../src/store/synced/synced-state-store.ts';
import { startPostgres } from '../test/support/postgres-server.ts';
import { startRedis } from '../test/support/redis-server.ts';
import { countTicks, median, openEngine, report, startWorkers } from './harness.ts';

const WORKERS = 1_000;
const COMMIT_MS = 5_000;
const FSYNCS = 200;
const HEAD = JSON.stringify({
  v: 1,
  desired: 'running',
  actual: 'running',
  startId: '01JABCDEF0123456789',
  tick: 12_345,
  anchor: 1_790_000_000_000,
  version: '0123456789ab',
  errors: 0,
  skipped: 0,
  lastOutcome: 'ok',
  inFlight: true,
  filler: 'x'.repeat(60),
});

const log = (_level: string, message: string): void => console.error(message);

/** Every worker has one commit under way for so long. Commits per second. */
async function commitsPerSecond(store: StateStore, workers: number): Promise<number> {
  const claims = await Promise.all(Array.from({ length: workers }, (_, n) => store.claim(`default/worker-${n}`)));
  let count = 0;
  const from = performance.now();
  const end = from + COMMIT_MS;
  await Promise.all(
    claims.map(async ({ epoch, revision }, n) => {
      for (let base = revision; performance.now() < end; base += 1n) {
        const changes = [{ key: 'counter', json: String(base) }];
        const commitId = `${n}-${base}`;
        const worker = `default/worker-${n}`;
        const result = await store.commit({ worker, epoch, base, revision: base + 1n, commitId, head: HEAD, changes });
        if (result.kind !== 'ok') throw new Error(`a commit was refused: ${result.kind}`);
        count += 1;
      }
    }),
  );
  return (count / (performance.now() - from)) * 1_000;
}

/** What this disk takes for one write that is on it, p50 in ms. */
function fsyncMs(folder: string): number {
  const file = openSync(join(folder, 'fsync'), 'w');
  return median(
    Array.from({ length: FSYNCS }, () => {
      const from = performance.now();
      writeSync(file, 'x'.repeat(4_096));
      fsyncSync(file);
      return performance.now() - from;
    }),
  );
}

async function plainHsets(url: string): Promise<number> {
  const redis = new Redis(url, { enableAutoPipelining: true });
  let count = 0;
  const from = performance.now();
  const end = from + COMMIT_MS;
  await Promise.all(
    Array.from({ length: WORKERS }, async (_, n) => {
      for (let i = 0; performance.now() < end; i++) {
        await redis.hset(`plain:${n}`, 'e', '1', 'r', String(i), 'c', `${n}-${i}`, 'h', HEAD, '=counter', String(i));
        count += 1;
      }
    }),
  );
  redis.disconnect();
  return (count / (performance.now() - from)) * 1_000;
}

async function ticksPerSecond(options: Partial<RuntimeOptions>): Promise<number> {
  const engine = await openEngine(options);
  await startWorkers(engine.runtime, WORKERS, { intervalMs: 10 });
  await countTicks(engine.runtime, 2_000);
  const { count, ms } = await countTicks(engine.runtime, 5_000);
  await engine.close();
  return (count / ms) * 1_000;
}

const folder = mkdtempSync(join(tmpdir(), 'tick-bench-'));
const figures: Record<string, number> = {};
const redis = await startRedis({ appendonly: 'everysec' });
const postgres = await startPostgres();

figures['fsync of 4 KiB p50, ms'] = fsyncMs(folder);
const pool = new PostgresPool({ url: postgres.url }, log);
await migrate(pool);
const client = await RedisClient.open({ url: redis.url, prefix: 'bench' }, log);
const durable = new PostgresStateStore({ pool, group: 'default', lease: null });
const synced = new SyncedStateStore({
  hot: new RedisStateStore(client, null),
  durable,
  clock: systemClock,
  ack: 'redis',
  checkpointMs: 5_000,
  unsyncedMs: 60_000,
  log,
});
const embedded = await openEmbeddedStores({ dataDir: join(folder, 'data'), log });

figures['plain HSETs/s, pipelined'] = await plainHsets(redis.url);
figures['commits/s, Redis and Postgres'] = await commitsPerSecond(synced, WORKERS);
figures['commits/s, Postgres alone'] = await commitsPerSecond(
  new PostgresStateStore({ pool, group: 'default', lease: null }),
  WORKERS,
);
figures['commits/s, data folder, 1,000 workers'] = await commitsPerSecond(embedded.state, WORKERS);
figures['commits/s, data folder, 10,000 workers'] = await commitsPerSecond(embedded.state, 10_000);

const filler = Array.from({ length: 20 }, (_, n) => [`key-${n}`, JSON.stringify('x'.repeat(500))] as const);
for (let n = 0; n < WORKERS; n++) {
  const { epoch, revision } = await synced.claim(`default/full-${n}`);
  await synced.replace({
    worker: `default/full-${n}`,
    epoch,
    revision: revision + 1n,
    commitId: `f${n}`,
    head: HEAD,
    entries: filler,
  });
}
const from = performance.now();
await Promise.all(Array.from({ length: WORKERS }, (_, n) => synced.claim(`default/full-${n}`)));
figures['1,000 workers of 10 KiB claimed, s'] = (performance.now() - from) / 1_000;
await synced.close();
await durable.close();
await pool.close();
client.close();
await embedded.close();

const without: number[] = [];
const withRedis: number[] = [];
const withPostgres: number[] = [];
for (let round = 0; round < 3; round++) {
  without.push(await ticksPerSecond({ stateStore: new MemoryStateStore(), recordStore: new MemoryRecordStore() }));
  const of = { url: postgres.url, schema: `r${round}` };
  withRedis.push(await ticksPerSecond({ postgres: of, redis: { url: redis.url, prefix: `r${round}` } }));
  withPostgres.push(await ticksPerSecond({ postgres: { ...of, schema: `p${round}` } }));
}
figures['ticks/s, without a store'] = median(without);
figures['ticks/s, Redis and Postgres'] = median(withRedis);
figures['ticks/s, Postgres alone'] = median(withPostgres);
figures['ratio of Redis to none (aim >= 0.7)'] = median(withRedis) / median(without);
await redis.close();
await postgres.close();
rmSync(folder, { recursive: true, force: true });
report('servers', figures);
