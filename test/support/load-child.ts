/**
 * A node that claims, or reads, many workers at once and keeps none of them: whoever started it bounds its memory. Arguments: what to do, URL of
 * Postgres, URL of Redis, prefix there, workers.
 */
import { systemClock } from '../../src/core/clock.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../src/store/postgres/postgres-state-store.ts';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { SyncedStateStore } from '../../src/store/synced/synced-state-store.ts';

const [what = '', postgresUrl = '', redisUrl = '', prefix = '', workers = ''] = process.argv.slice(2);
const silent = (): void => undefined;

const pool = new PostgresPool({ url: postgresUrl }, silent);
const client = await RedisClient.open({ url: redisUrl, prefix }, silent);
const durable = new PostgresStateStore({ pool, group: 'default', lease: null });
const hot = new RedisStateStore(client, null);
const options = { clock: systemClock, ack: 'redis', checkpointMs: 60_000, unsyncedMs: 60_000, log: silent } as const;
const synced = new SyncedStateStore({ hot, durable, ...options });

const does: Readonly<Record<string, (worker: string) => Promise<unknown>>> = {
  'claim in Postgres': (worker) => durable.claim(worker),
  'read in Postgres': (worker) => durable.read(worker),
  'read in Redis': (worker) => hot.read(worker),
  'raise in Redis': (worker) => hot.raise(worker, 9_000_000_000_000_000n),
  'claim in both': (worker) => synced.claim(worker),
};

let peak = 0;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss);
}, 5);
const from = performance.now();
let characters = 0;
await Promise.all(
  Array.from({ length: Number(workers) }, async (_, n) => {
    const copy = (await does[what]?.(`default/w${n}`)) as { entries: (readonly [string, string])[] };
    for (const [, json] of copy.entries) characters += json.length;
  }),
);
clearInterval(watch);
console.log(
  JSON.stringify({ characters, ms: Math.round(performance.now() - from), rssMiB: Math.round(peak / 2 ** 20) }),
);
await synced.close();
client.close();
await pool.close();
