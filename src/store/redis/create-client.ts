/** The client for each way to deploy Redis, with what all of them have in common: nothing waits for a connection, nothing is sent twice. */
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { RuntimeError } from '../../core/errors.ts';
import type { RedisStoreOptions } from '../../runtime.ts';
import { readTls } from '../tls-files.ts';
import type { RedisAddress } from './redis-url.ts';

export const CONNECT_MS_MAX = 5_000;
/** Of one server that is asked where another one is; the next is asked then. */
const ASK_MS_MAX = 2_000;
const RECONNECT_MS = [50, 100, 200, 500, 1_000] as const;

/** @throws RuntimeError CONFIG_INVALID, STORE_UNUSABLE */
export function createClient(
  address: RedisAddress,
  { tls, sentinel }: Pick<RedisStoreOptions, 'tls' | 'sentinel'>,
): Redis | Cluster {
  const { kind, hosts, username, password, master, db } = address;
  if (sentinel !== undefined && kind !== 'sentinel')
    throw new RuntimeError('CONFIG_INVALID', 'redis.sentinel has a meaning only where redis.url is redis+sentinel://.');
  const secure = address.tls || tls !== undefined ? readTls(tls ?? {}, 'redis.tls') : undefined;
  const common = {
    connectionName: 'tick-runtime',
    protocol: 2,
    connectTimeout: CONNECT_MS_MAX,
    keepAlive: 10_000,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    retryStrategy: pauseBefore,
    // A failover: the replica that was our master refuses writes, and the connection has to be made anew. Redis 6 puts more before it.
    reconnectOnError: (error: Error) => /\b(READONLY|MASTERDOWN)\b/.test(error.message),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(secure === undefined ? {} : { tls: secure }),
  } satisfies RedisOptions;
  switch (kind) {
    case 'single':
      return limitHandshake(new Redis({ ...common, ...hosts[0], db }));
    case 'sentinel':
      return limitHandshake(
        new Redis({
          ...common,
          db,
          sentinels: [...hosts],
          name: master ?? '',
          sentinelRetryStrategy: pauseBefore,
          sentinelCommandTimeout: ASK_MS_MAX,
          ...(sentinel === undefined ? {} : { sentinelPassword: sentinel.password }),
          ...(sentinel?.username === undefined ? {} : { sentinelUsername: sentinel.username }),
          ...(secure === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: secure }),
        }),
      );
    case 'cluster':
      return withNodes(
        new Cluster([...hosts], {
          redisOptions: common,
          lazyConnect: true,
          enableOfflineQueue: false,
          clusterRetryStrategy: pauseBefore,
          slotsRefreshTimeout: ASK_MS_MAX,
          // What was under way when a connection broke may have been carried out, and would go out again after this pause.
          retryDelayOnFailover: 0,
          // Whoever asked tries again: nothing is kept back that could be sent when nobody waits for it any more.
          retryDelayOnClusterDown: 0,
          ...(secure === undefined ? {} : { dnsLookup: (host, done) => done(null, host) }),
        }),
      );
  }
}

/**
 * A server of a cluster that is new is connected to at once, and commands for it fail until it is there: nothing waits for a connection to
 * one that is silent.
 */
function withNodes(cluster: Cluster): Cluster {
  const connect = (node: Redis): void => {
    if (cluster.status === 'ready' && node.status === 'wait' && node.options.readOnly !== true)
      node.connect().catch(() => undefined);
  };
  cluster.on('ready', () => cluster.nodes('master').forEach(connect));
  cluster.on('+node', (node: Redis) => {
    limitHandshake(node);
    // The client drops the promise of this command of its own, whose failure would end the process.
    const asking = node.asking.bind(node);
    node.asking = () => {
      const sent = asking();
      sent.catch(() => undefined);
      return sent;
    };
    connect(node);
  });
  return cluster;
}

/** A server that takes the connection and then says nothing. While it loads its data it answers. */
function limitHandshake(client: Redis): Redis {
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (client.commandQueue.length === 0) begin();
      else client.stream.destroy(new Error(`no answer within ${CONNECT_MS_MAX / 1_000} s`));
    }, CONNECT_MS_MAX);
  };
  client.on('connect', begin);
  for (const event of ['ready', 'close', 'end']) client.on(event, () => clearTimeout(timer));
  return client;
}

const pauseBefore = (attempt: number): number => RECONNECT_MS[Math.min(attempt, RECONNECT_MS.length) - 1] ?? 1_000;
