/**
 * The set-ups: everything in the data folder; state in Postgres; state in Redis in front of Postgres. Redis alone is none: it can
 * lose what it has acknowledged. Ticks and logs always are in the data folder.
 */
import { CleanupStack } from '../core/cleanup.ts';
import type { Clock } from '../core/clock.ts';
import { RuntimeError } from '../core/errors.ts';
import type { PostgresStoreOptions, RedisStoreOptions, RuntimeOptions } from '../runtime.ts';
import type { RecordStore, StateStore } from './contracts.ts';
import { type EmbeddedOptions, openEmbeddedRecords, openEmbeddedStores } from './embedded/open.ts';
import { LeasedStateStore } from './leased-state-store.ts';
import type { LeaseState, NodeInfo, Placement, RedisPlace } from './placement.ts';
import { PostgresLease } from './postgres/lease.ts';
import { migrate, pendingMigrations } from './postgres/migrations.ts';
import { PostgresPool } from './postgres/postgres-pool.ts';
import { PostgresStateStore } from './postgres/postgres-state-store.ts';
import { readIdentity } from './postgres/store-identity.ts';
import { checkRedis } from './redis/redis-checks.ts';
import { RedisClient } from './redis/redis-client.ts';
import { RedisStateStore } from './redis/redis-state-store.ts';
import { holdStore } from './redis/store-marker.ts';
import { SyncedStateStore } from './synced/synced-state-store.ts';

/** What an operator sets of them. */
export type StoreSettings = Pick<RuntimeOptions, 'postgres' | 'redis' | 'state' | 'placement'>;

export interface StoresOptions extends StoreSettings, EmbeddedOptions {
  readonly clock: Clock;
  readonly node: NodeInfo;
  /** Ends the wait for the lease. */
  readonly signal: AbortSignal;
  /** Another node owns the group; null where it is not known which. Called once per owner. */
  readonly onStandby: (owner: NodeInfo | null) => void;
}

export type StoreKind = 'embedded' | 'postgres' | 'redis+postgres';

export interface OpenStores {
  readonly kind: StoreKind;
  readonly state: StateStore;
  readonly records: RecordStore;
  /** Null where the lock of the data folder is all there is. */
  readonly placement: Placement | null;
  /** Why nothing may be acknowledged or sent now; null while it may. */
  readonly obstacle: () => string | null;
  close(): Promise<void>;
}

const GROUP = 'default';
const PREFIX = 'tick-runtime';
const CHECKPOINT_MS = 5_000;
const UNSYNCED_MS = 60_000;
const LEASE_MS = 15_000;
/** Of the lease and the connections, at the end. */
const GIVE_BACK_MS_MAX = 2_000;
const NO_REDIS = { client: null, hot: null };
/** A lease of 15 s has three attempts. */
const LEASE_STATEMENT_MS_MAX = 3_000;

/** @throws RuntimeError CONFIG_INVALID, STORE_UNAVAILABLE, STORE_UNUSABLE, DATA_LOCKED, DATA_UNUSABLE, STOPPED */
export async function openStores(options: StoresOptions): Promise<OpenStores> {
  const { postgres, redis } = options;
  if (postgres === undefined && redis !== undefined)
    throw new RuntimeError(
      'CONFIG_INVALID',
      'redis needs postgres beside it: Redis alone can lose what it has acknowledged (an emptied or failed-over server, a lost disk). Add postgres.url, or take redis out to keep state in the data folder.',
    );
  if (postgres !== undefined) return openServers({ ...options, postgres });
  if (options.state?.ack !== undefined || options.placement !== undefined)
    throw new RuntimeError('CONFIG_INVALID', 'state.ack and placement have a meaning only with postgres.');
  const embedded = await openEmbeddedStores(options);
  return { ...embedded, kind: 'embedded', placement: null, obstacle: () => null };
}

async function openServers(options: StoresOptions & { readonly postgres: PostgresStoreOptions }): Promise<OpenStores> {
  const { postgres, redis, log, clock } = options;
  const ack = options.state?.ack ?? (redis === undefined ? 'postgres' : 'redis');
  if (redis === undefined && ack === 'redis')
    throw new RuntimeError('CONFIG_INVALID', 'state.ack: redis needs a redis.url.');
  const { checkpointMs = CHECKPOINT_MS, unsyncedMs = UNSYNCED_MS } = options.state ?? {};
  if (redis !== undefined && checkpointMs > unsyncedMs)
    throw new RuntimeError('CONFIG_INVALID', 'state.checkpointMs must not be above state.unsyncedMs.');
  const cleanup = new CleanupStack();
  try {
    const folder = await openEmbeddedRecords(options);
    cleanup.push('the records', () => folder.close());
    const pool = await openPool(postgres, log);
    cleanup.push('the connections to Postgres', () => pool.close());
    const group = options.placement?.group ?? GROUP;
    const { client, hot } = redis === undefined ? NO_REDIS : await openRedis(redis, group, pool, log);
    if (client !== null) cleanup.push('the connection to Redis', () => client.close());

    const place = client === null ? null : { prefix: redis?.prefix ?? PREFIX, where: client.where };
    const lease = openLease(options, place);
    cleanup.push('the connection of the lease', () => lease.pool.close());
    await lease.placement.acquire(options.signal, options.onStandby);
    let isStored: boolean | undefined;
    cleanup.push('the lease', () => lease.placement.release(isStored));

    const durable = new PostgresStateStore({ pool, group, lease: lease.placement });
    const inner: StateStore =
      hot === null
        ? durable
        : new SyncedStateStore({
            hot,
            durable,
            clock,
            ack,
            checkpointMs,
            unsyncedMs,
            log,
          });
    let heldConnection: number | null = null;
    const mayGoOn = (): boolean =>
      ack === 'redis' && heldConnection !== null && client?.connection === heldConnection && hot?.isCertain === true;
    const obstacle = (): string | null => {
      const { state: held } = lease.placement;
      if (held === 'held') heldConnection = client?.connection ?? null;
      return obstacleOf(held, mayGoOn);
    };
    const state = new LeasedStateStore(inner, obstacle, () => lease.placement.state === 'lost');
    const stateClosed = Promise.withResolvers<void>();
    cleanup.push('the state store', async () => {
      try {
        const areClaimed = hot === null || (await areOwedClaimed(clock, lease.placement, durable, inner));
        isStored = hot === null;
        await state.close();
        isStored = areClaimed && (inner.lag?.()?.workers ?? 0) === 0;
      } finally {
        stateClosed.resolve();
      }
    });
    const kind = client === null ? 'postgres' : 'redis+postgres';
    // The state store knows itself how long it waits for what is not stored. What is left of servers is given back in time or runs out.
    const close = async (): Promise<void> => {
      const closed = cleanup.closeAll();
      closed.catch(() => undefined);
      await stateClosed.promise;
      await within(clock, GIVE_BACK_MS_MAX, closed);
      await folder.close();
    };
    return { kind, state, records: folder.records, placement: lease.placement, obstacle, close };
  } catch (thrown) {
    await cleanup.closeAll();
    throw thrown;
  }
}

/** Connected, of a version that will do, with all tables. */
export async function openPool(postgres: PostgresStoreOptions, log: StoresOptions['log']): Promise<PostgresPool> {
  const pool = new PostgresPool(postgres, log);
  try {
    await pool.check();
    if (postgres.migrate !== false) {
      const { applied } = await migrate(pool);
      if (applied.length > 0) log('info', `tables in Postgres were brought up to date: ${applied.join(', ')}`);
      return pool;
    }
    const missing = await pendingMigrations(pool);
    if (missing.length === 0) return pool;
    throw new RuntimeError(
      'STORE_UNUSABLE',
      `Postgres at ${pool.where} lacks ${missing.join(', ')}, and postgres.migrate is false. Run \`runtime migrate\`.`,
    );
  } catch (thrown) {
    await pool.close();
    throw thrown;
  }
}

/** Connected, fit for state, and not another Postgres's than that of `pool`. */
async function openRedis(
  settings: RedisStoreOptions,
  group: string,
  pool: PostgresPool,
  log: StoresOptions['log'],
): Promise<{ readonly client: RedisClient; readonly hot: RedisStateStore }> {
  const identity = await readIdentity(pool);
  const prefix = `${settings.prefix ?? PREFIX}:${group}`;
  const client = await RedisClient.open({ ...settings, prefix }, log);
  try {
    for (const warning of await checkRedis(client)) log('warn', warning);
    await holdStore(client, identity);
    return { client, hot: new RedisStateStore(client, identity.id) };
  } catch (thrown) {
    client.close();
    throw thrown;
  }
}

function openLease(
  { postgres, placement, clock, node, log }: StoresOptions,
  redis: RedisPlace | null,
): {
  readonly pool: PostgresPool;
  readonly placement: PostgresLease;
} {
  if (postgres === undefined) throw new RuntimeError('INTERNAL', 'a lease needs Postgres');
  const ttlMs = placement?.leaseMs ?? LEASE_MS;
  const statementMs = Math.min(LEASE_STATEMENT_MS_MAX, ttlMs / 4);
  const pool = new PostgresPool({ ...postgres, poolSize: 1 }, log, statementMs);
  const group = placement?.group ?? GROUP;
  return { pool, placement: new PostgresLease({ pool, clock, group, self: node, redis, ttlMs, log }) };
}

/**
 * Whether this node has claimed, and so brought up in Postgres, all workers of owners that did not give their lease back. A `runtime state`
 * command claims few, and a start only those of its configuration.
 */
async function areOwedClaimed(
  clock: Clock,
  lease: PostgresLease,
  durable: StateStore,
  inner: StateStore,
): Promise<boolean> {
  const { owedSince, state } = lease;
  if (owedSince === null) return true;
  if (state !== 'held') return false;
  try {
    const stored = await within(clock, GIVE_BACK_MS_MAX, durable.list());
    return (
      stored?.every(({ worker, epoch }) => epoch < owedSince || (inner.progress?.(worker) ?? null) !== null) ?? false
    );
  } catch {
    return false;
  }
}

/** What it resolves with, or nothing after so many ms. */
async function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T | undefined> {
  const limit = Promise.withResolvers<undefined>();
  const cancel = clock.after(ms, () => limit.resolve(undefined));
  try {
    return await Promise.race([work, limit.promise]);
  } finally {
    cancel();
    work.catch(() => undefined);
  }
}

/**
 * `mayGoOn`, for a node that is cut off: every commit asks Redis, which refuses it as soon as another node has claimed the worker. But
 * only a Redis that has not lost that fence: so it has to be the same connection as when the lease was held, and no whole hash
 * of this node may still be under way, which could bring its own old fence back. test/model has the traces.
 */
function obstacleOf(state: LeaseState, mayGoOn: () => boolean): string | null {
  switch (state) {
    case 'held':
      return null;
    case 'cut-off':
      return mayGoOn() ? null : 'the lease of this node ran out, and Postgres cannot be reached';
    case 'unsure':
      return 'the lease of this node ran out while it stood still, and is being renewed';
    case 'lost':
      return 'another node owns the workers';
  }
}
