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
  /** Moves the slots of these keys, with what is in them, from the master that has them to this one, as a reshard does. */
  move(keys: readonly string[], to: RedisServer): Promise<void>;
  /** The same, without its last step: the old owner has the slots, and sends on to the new one who asks for these keys. */
  moveHalf(keys: readonly string[], to: RedisServer): Promise<void>;
  /** One more server, which follows this master and takes its place when it is gone. */
  addReplica(master: RedisServer): Promise<void>;
  /** The master that has the slot of a key. */
  masterOf(key: string): Promise<RedisServer>;
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

async function startNode(): Promise<RedisServer> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no'];
  args.push('--repl-diskless-sync-delay', '0');
  // The port of the bus is 10,000 above: one that is free is not always one that will do.
  for (;;)
    try {
      return await startRedis({ appendonly: 'always', args });
    } catch (error) {
      if (!String(error).includes('ended before')) throw error;
    }
}

/** Masters without replicas; every one keeps an append-only file. */
export async function startCluster(count = 3): Promise<RedisCluster> {
  const masters: RedisServer[] = [];
  const replicas: RedisServer[] = [];
  while (masters.length < count) masters.push(await startNode());
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
  const slotOf = async (key: string): Promise<number> =>
    Number(await asked(first, (client) => client.call('CLUSTER', 'KEYSLOT', key)));
  const ownerOf = async (slot: number): Promise<RedisServer> => {
    const ranges = (await asked(first, (client) => client.call('CLUSTER', 'SLOTS'))) as SlotRange[];
    const port = ranges.find(([from, to]) => slot >= from && slot <= to)?.[2][1];
    const owner = masters.find((server) => server.port === port);
    if (owner === undefined) throw new Error(`no master has slot ${slot}`);
    return owner;
  };
  const move = async (keys: readonly string[], to: RedisServer, isWhole: boolean): Promise<void> => {
    const slots = [...new Set(await Promise.all(keys.map(slotOf)))];
    const owners = await Promise.all(slots.map(ownerOf));
    for (const from of new Set(owners.filter((owner) => owner !== to))) {
      const some = slots.filter((_, n) => owners[n] === from);
      const giveAway = await moveSlots(some, from, to, masters);
      if (isWhole) await giveAway();
    }
  };
  return {
    url: `redis+cluster://127.0.0.1:${first.port}`,
    masters,
    move: (keys, to) => move(keys, to, true),
    moveHalf: (keys, to) => move(keys, to, false),
    addReplica: async (master) => {
      const replica = await startNode();
      replicas.push(replica);
      await asked(replica, (client) => client.call('CLUSTER', 'MEET', '127.0.0.1', `${master.port}`));
      const masterId = await asked(master, async (client) => String(await client.call('CLUSTER', 'MYID')));
      await poll('the replica knows its master', () =>
        asked(replica, (client) => client.call('CLUSTER', 'REPLICATE', masterId).catch(() => undefined)),
      );
      await poll('the replica follows', () =>
        asked(
          replica,
          async (client) => (await client.info('replication')).includes('master_link_status:up') || undefined,
        ),
      );
      for (const server of masters)
        await poll('all know the replica', () =>
          asked(server, async (client) => {
            const nodes = String(await client.call('CLUSTER', 'NODES'));
            return new RegExp(`:${replica.port}@.* slave ${masterId} .* connected`).test(nodes) || undefined;
          }),
        );
    },
    masterOf: async (key) => ownerOf(await slotOf(key)),
    close: async () => {
      await Promise.all([...masters, ...replicas].map((server) => server.close()));
    },
  };
}

type SlotRange = readonly [from: number, to: number, owner: readonly [host: string, port: number, id: string]];

/** What is in them, and then with the answer the slots, in one moment: whoever asks for several is sent on for all at once. */
async function moveSlots(
  slots: readonly number[],
  from: RedisServer,
  to: RedisServer,
  all: readonly RedisServer[],
): Promise<() => Promise<void>> {
  const [fromId, toId] = await Promise.all(
    [from, to].map((server) => asked(server, async (client) => String(await client.call('CLUSTER', 'MYID')))),
  );
  const set = (server: RedisServer, ...words: readonly (string | undefined)[]): Promise<unknown> =>
    asked(server, (client) =>
      Promise.all(slots.map((slot) => client.call('CLUSTER', 'SETSLOT', `${slot}`, ...words.map(String)))),
    );
  await set(to, 'IMPORTING', fromId);
  await set(from, 'MIGRATING', toId);
  await asked(from, async (client) => {
    for (const slot of slots) {
      const keys = (await client.call('CLUSTER', 'GETKEYSINSLOT', `${slot}`, '1000')) as string[];
      if (keys.length > 0) await client.call('MIGRATE', '127.0.0.1', `${to.port}`, '', '0', '5000', 'KEYS', ...keys);
    }
  });
  return async () => {
    for (const server of [to, from, ...all.filter((other) => other !== to && other !== from)])
      await set(server, 'NODE', toId);
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

/** One sentinel is enough to agree with itself. `password`: of the sentinel alone. */
export async function startSentinels(password?: string): Promise<SentinelGroup> {
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
  const login = password === undefined ? {} : { password };
  const sentinel = await startRedis({ config, args: ['--sentinel'], ...login });
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
