/** One connection to Redis for all workers: a large write on a slow link must not look like a server that is gone. */
import { expect, onTestFinished, test } from 'vitest';
import { KiB, MiB } from '../../src/core/limits.ts';
import type { Commit } from '../../src/store/contracts.ts';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.ts';
import { startProxy } from '../support/proxy.ts';
import { sharedRedis } from '../support/servers.ts';

const BYTES = 16 * MiB;

function commitOf(worker: string, epoch: bigint, changes: Commit['changes'], base = 0n): Commit {
  const revision = base + 1n;
  return { worker, epoch, base, revision, commitId: `${worker}-${revision}`, head: '{}', changes };
}

async function openBehindProxy() {
  const { url, prefix } = sharedRedis();
  const { hostname, port } = new URL(url);
  const proxy = await startProxy({ host: hostname, port: Number(port) });
  onTestFinished(() => proxy.close());
  const client = await RedisClient.open({ url: proxy.rewrite(url), prefix }, () => undefined);
  onTestFinished(() => client.close());
  const store = new RedisStateStore(client, null);
  const epochs = [(await store.claim('default/large')).epoch, (await store.claim('default/small')).epoch] as const;
  onTestFinished(async () => {
    const [large, small] = epochs;
    await store.remove('default/large', large).catch(() => undefined);
    await store.remove('default/small', small).catch(() => undefined);
  });
  return { proxy, client, store, epochs };
}

test('a write of 16 MiB that takes longer than the limit arrives, and so does what waits behind it', {
  timeout: 60_000,
}, async () => {
  const { proxy, client, store, epochs } = await openBehindProxy();
  const { connection } = client;
  const json = JSON.stringify('x'.repeat(512 * KiB - 2));
  const changes = Array.from({ length: BYTES / (512 * KiB) }, (_, n) => ({ key: `key ${n}`, json }));
  proxy.throttle(3 * MiB);
  const from = performance.now();
  const large = store.commit(commitOf('default/large', epochs[0], changes));
  const small = store.commit(commitOf('default/small', epochs[1], [{ key: 'n', json: '1' }]));
  expect(await Promise.all([large, small])).toEqual([{ kind: 'ok' }, { kind: 'ok' }]);
  expect(performance.now() - from).toBeGreaterThan(5_000);
  // And back.
  expect((await store.read('default/large'))?.entries).toHaveLength(changes.length);
  expect(client.connection).toBe(connection);
  await proxy.heal();
});
