import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { systemClock } from '../../src/core/clock.ts';
import { migrate } from '../../src/store/postgres/migrations.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../src/store/postgres/postgres-state-store.ts';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { type Ack, SyncedStateStore } from '../../src/store/synced/synced-state-store.ts';
import type { Implementation, StatePlace } from './store-places.ts';

const PG = process.env['TEST_PG'] ?? 'postgres://postgres@127.0.0.1:55432/postgres';
const REDIS = process.env['TEST_REDIS'] ?? 'redis://127.0.0.1:56379';
const silent = (): void => undefined;

export function syncedState(ack: Ack): Implementation<StatePlace> {
  return {
    name: `Redis and Postgres (ack: ${ack})`,
    durable: true,
    async create() {
      const name = `t_${randomBytes(6).toString('hex')}`;
      const ownPool = new PostgresPool({ url: PG, schema: name, pool: 2 }, silent);
      await migrate(ownPool);
      const own = new Redis(REDIS);
      return {
        async open() {
          const pool = new PostgresPool({ url: PG, schema: name }, silent);
          const client = await RedisClient.open({ url: REDIS, prefix: name }, silent);
          const store = new SyncedStateStore({
            hot: new RedisStateStore(client),
            durable: new PostgresStateStore({ pool, lease: null }),
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
          const text = `UPDATE "${name}".workers SET epoch = $2, written_epoch = $2, revision = $3 WHERE worker = $1`;
          await ownPool.query('plant', text, [worker, epoch, revision]);
          await own.hset(`${name}:w:${worker}`, { e: String(epoch), w: String(epoch), r: String(revision) });
        },
        async dispose() {
          const keys = await own.keys(`${name}:*`);
          if (keys.length > 0) await own.del(keys);
          own.disconnect();
          await ownPool.raw.query(`DROP SCHEMA "${name}" CASCADE`);
          await ownPool.close();
        },
      };
    },
  };
}
