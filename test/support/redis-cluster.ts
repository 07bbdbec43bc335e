/** Several Redis that belong together: a cluster of masters, or a primary and a replica with sentinels. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { poll } from './poll.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const SLOTS = 16_384;

export interface RedisCluster {
  /** `redis+cluster://`, one of the masters. */
  readonly url: string;
  readonly masters: readonly RedisServer[];
  close(): Promise<void>;
}

async function asked<T>(server: RedisServer, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(server.url, { retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

/** Masters without replicas; every one keeps an append-only file. */
export async function startCluster(count = 3): Promise<RedisCluster> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no'];
  const masters: RedisServer[] = [];
  // The port of the bus is 10,000 above: one that is free is not always one that will do.
  while (masters.length < count) {
    const server = await startRedis({ appendonly: 'always', args }).catch((error: unknown) => {
      if (!String(error).includes('ended before')) throw error;
    });
    if (server !== undefined) masters.push(server);
  }
  const [first] = masters;
  if (first === undefined) throw new Error('a cluster has masters');
  for (const [n, server] of masters.entries())
    await asked(server, async (client) => {
      await client.call('CLUSTER', 'MEET', '127.0.0.1', `${first.port}`);
      const from = Math.ceil((SLOTS * n) / count);
      await client.call('CLUSTER', 'ADDSLOTSRANGE', `${from}`, `${Math.ceil((SLOTS * (n + 1)) / count) - 1}`);
    });
  for (const server of masters)
    await poll('the cluster is whole', () =>
      asked(server, async (client) => {
        const info = String(await client.call('CLUSTER', 'INFO'));
        const whole = info.includes('cluster_state:ok') && info.includes(`cluster_slots_ok:${SLOTS}`);
        return (whole && info.includes(`cluster_size:${count}`)) || undefined;
      }),
    );
  return {
    url: `redis+cluster://127.0.0.1:${first.port}`,
    masters,
    close: async () => {
      await Promise.all(masters.map((server) => server.close()));
    },
  };
}

export interface SentinelGroup {
  /** `redis+sentinel://` with all sentinels and the master's name. */
  readonly url: string;
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
  close(): Promise<void>;
}

/** One sentinel is enough to agree with itself. */
export async function startSentinels(): Promise<SentinelGroup> {
  const primary = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', `${primary.port}`] });
  await poll('the replica follows', () =>
    asked(replica, async (client) => (await client.info('replication')).includes('master_link_status:up') || undefined),
  );
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tick-runtime-sentinel-')));
  const config = join(folder, 'sentinel.conf');
  writeFileSync(
    config,
    [
      `sentinel monitor main 127.0.0.1 ${primary.port} 1`,
      'sentinel down-after-milliseconds main 500',
      'sentinel failover-timeout main 3000',
      'sentinel parallel-syncs main 1',
    ].join('\n'),
  );
  const sentinel = await startRedis({ config, args: ['--sentinel'] });
  await poll('the sentinel knows the replica', () =>
    asked(
      sentinel,
      async (client) =>
        JSON.stringify(await client.call('SENTINEL', 'REPLICAS', 'main')).includes(`${replica.port}`) || undefined,
    ),
  );
  return {
    url: `redis+sentinel://127.0.0.1:${sentinel.port}/main`,
    primary,
    replica,
    sentinels: [sentinel],
    close: async () => {
      await Promise.all([sentinel.close(), primary.close(), replica.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
