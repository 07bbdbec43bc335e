import { Redis } from 'ioredis';
import { systemClock } from '../../src/core/clock.ts';
import { migrate } from '../../src/store/postgres/migrations.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../src/store/postgres/postgres-state-store.ts';
import { readIdentity } from '../../src/store/postgres/store-identity.ts';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { type Ack, SyncedStateStore } from '../../src/store/synced/synced-state-store.ts';
import { sharedPostgres, sharedRedis } from './servers.ts';
import type { Implementation, StatePlace } from './store-places.ts';

const silent = (): void => undefined;

export function syncedState(ack: Ack): Implementation<StatePlace> {
  return {
    name: `Redis and Postgres (ack: ${ack})`,
    durable: true,
    async create() {
      const { url, drop } = await sharedPostgres();
      const { url: redisUrl, prefix } = sharedRedis();
      const ownPool = new PostgresPool({ url, poolSize: 3 }, silent);
      await migrate(ownPool);
      const identity = await readIdentity(ownPool);
      const own = new Redis(redisUrl);
      return {
        async open() {
          const pool = new PostgresPool({ url }, silent);
          const client = await RedisClient.open({ url: redisUrl, prefix }, silent);
          const store = new SyncedStateStore({
            hot: new RedisStateStore(client, identity.id),
            durable: new PostgresStateStore({ pool, group: 'default', lease: null }),
            clock: systemClock,
            ack,
            checkpointMs: 100,
            unsyncedMs: 60_000,
            log: silent,
          });
          const close = store.close.bind(store);
          store.close = async () => {
            await close();
            client.close();
            await pool.close();
          };
          return store;
        },
        async plant(worker, epoch, revision) {
          const text =
            'UPDATE tick_runtime.workers SET epoch = $2, written_epoch = $2, revision = $3 WHERE worker = $1';
          await ownPool.query('plant', text, [worker, epoch, revision]);
          await own.hset(`${prefix}:w:${worker}`, { e: String(epoch), w: String(epoch), r: String(revision) });
        },
        async dispose() {
          const keys = await own.keys(`${prefix}:*`);
          if (keys.length > 0) await own.del(keys);
          own.disconnect();
          await ownPool.close();
          await drop();
        },
      };
    },
  };
}
