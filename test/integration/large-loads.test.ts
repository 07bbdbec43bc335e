/** Many large states at once: what is under way is bounded in bytes, so a node needs memory for few of them, and so do the servers. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { MiB } from '../../src/core/limits.ts';
import { migrate } from '../../src/store/postgres/migrations.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../src/store/postgres/postgres-state-store.ts';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { SyncedStateStore } from '../../src/store/synced/synced-state-store.ts';
import { type SharedPostgres, sharedPostgres, sharedRedis } from '../support/servers.ts';

const WORKERS = 40;
const VALUES = 16;
const VALUE_CHARACTERS = MiB / 2;
/** All states together are 320 MiB. */
const HEAP_MIB = 160;
const silent = (): void => undefined;

let postgres: SharedPostgres;
const { url: redisUrl, prefix } = sharedRedis();

beforeAll(async () => {
  postgres = await sharedPostgres();
  const pool = new PostgresPool({ url: postgres.url }, silent);
  await migrate(pool);
  const client = await RedisClient.open({ url: redisUrl, prefix }, silent);
  const durable = new PostgresStateStore({ pool, group: 'default', lease: null });
  const options = { clock: systemClock, ack: 'redis', checkpointMs: 60_000, unsyncedMs: 60_000, log: silent } as const;
  const store = new SyncedStateStore({ hot: new RedisStateStore(client, null), durable, ...options });
  const json = JSON.stringify('x'.repeat(VALUE_CHARACTERS - 2));
  const entries = Array.from({ length: VALUES }, (_, n) => [`key ${n}`, json] as const);
  for (let n = 0; n < WORKERS; n++) {
    const worker = `default/w${n}`;
    const { epoch } = await store.claim(worker);
    await store.replace({ worker, epoch, revision: 1n, commitId: 'large', head: '{}', entries });
  }
  await store.close();
  client.close();
  await pool.close();
}, 120_000);
afterAll(async () => {
  const redis = new Redis(redisUrl);
  const keys = await redis.keys(`${prefix}:*`);
  if (keys.length > 0) await redis.del(keys);
  redis.disconnect();
  await postgres.drop();
});

test.each(['read in Postgres', 'claim in Postgres', 'read in Redis', 'claim in both', 'raise in Redis'])(
  `${WORKERS} states of 8 MiB: %s`,
  { timeout: 120_000 },
  async (what) => {
    const child = fileURLToPath(new URL('../support/load-child.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [
      `--max-old-space-size=${HEAP_MIB}`,
      child,
      what,
      postgres.url,
      redisUrl,
      prefix,
      `${WORKERS}`,
    ]);
    const { characters } = JSON.parse(stdout) as { characters: number };
    expect(characters).toBe(WORKERS * VALUES * VALUE_CHARACTERS);
  },
);
