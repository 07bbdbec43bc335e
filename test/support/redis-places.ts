import { Redis } from 'ioredis';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { sharedRedis } from './servers.ts';
import type { Implementation, StatePlace } from './store-places.ts';

export const redisState: Implementation<StatePlace> = {
  name: 'Redis',
  durable: true,
  async create() {
    const { url, prefix } = sharedRedis();
    const own = new Redis(url);
    return {
      async open() {
        const client = await RedisClient.open({ url, prefix }, () => undefined);
        const store = new RedisStateStore(client, null);
        const close = store.close.bind(store);
        store.close = async () => {
          await close();
          client.close();
        };
        return store;
      },
      async plant(worker, epoch, revision) {
        await own.hset(`${prefix}:w:${worker}`, { e: String(epoch), w: String(epoch), r: String(revision) });
      },
      async dispose() {
        const keys = await own.keys(`${prefix}:*`);
        if (keys.length > 0) await own.del(keys);
        own.disconnect();
      },
    };
  },
};
