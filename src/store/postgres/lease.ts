/**
 * One lease per node group, a row in Postgres. Its time is that of the database; the holder counts on its own monotonic clock from
 * before it asked, so it always knows of its end first. It only says who may claim workers: what protects their state is
 * the epoch of each. A node that stood still finds its deadline passed, and does nothing until the lease was renewed.
 *
 * What an owner has acknowledged may be in its Redis only, and the fence that stops an owner which is cut off is there too. So a lease that
 * was not given back goes to nodes with the same prefix only.
 */
import type { Clock } from '../../core/clock.ts';
import { RuntimeError } from '../../core/errors.ts';
import { RANGES } from '../../core/ranges.ts';
import type { LeaseState, NodeInfo, Placement, RedisPlace } from '../placement.ts';
import { nextEpoch } from './next-epoch.ts';
import { reasonOf } from './postgres-error.ts';
import type { PostgresPool } from './postgres-pool.ts';

/** What a claim shows of the node's lease. */
export interface LeaseGuard {
  readonly state: LeaseState;
  /** Group, epoch and holder of the lease that must be held. */
  proof(): readonly [group: string, epoch: bigint, holder: string];
}

export interface LeaseOptions {
  /** Its own: a lease must not wait behind commits. */
  readonly pool: PostgresPool;
  readonly clock: Clock;
  readonly group: string;
  readonly self: NodeInfo;
  readonly redis: RedisPlace | null;
  readonly ttlMs: number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/** A third of the lease: two renewals may fail. */
const RENEWALS_PER_TTL = 3;
const BEAT_MS_MAX = 1_000;
/** Beats that a node which is well may miss before what it knew of Postgres is old. */
const BEATS_MISSED_MAX = 5;

/** What a row tells of its owner: `redis` is missing from that of an earlier release. */
type About = NodeInfo & { readonly redis?: RedisPlace | null };

/** Whose lease was taken without having been given back, and the epoch of the first such lease since one was. */
type Before = About & { readonly epoch: string };

interface OwnerRow {
  readonly about: About;
  readonly expires: string;
  /** It is held, or ran out without having been given back, and its owner has another prefix. */
  readonly differs: boolean;
  /** No lease runs for so long. */
  readonly isFar: boolean;
}

/** Whether the owner in row `l` keeps no running state in Redis, or under the prefix that `parameter` has, NULL for none. */
const samePrefix = (parameter: string): string =>
  `coalesce(l.about #>> '{redis,prefix}' = ${parameter}::text, l.about #>> '{redis,prefix}' IS NULL)`;

export class PostgresLease implements Placement, LeaseGuard {
  readonly #o: LeaseOptions;
  readonly #beatMs: number;
  #epoch = 0n;
  /** Monotonic; 0 before the first. */
  #deadline = 0;
  #renewAt = 0;
  #beatAt = 0;
  #wallAt = 0;
  #renewing: Promise<void> | null = null;
  #unreachable: string | null = null;
  #lost = false;
  #owedSince: bigint | null = null;
  /** Node whose address of Redis was compared last. */
  #compared: string | null = null;
  #far: { readonly expires: string; readonly since: number; told: boolean } | null = null;
  #told: LeaseState = 'lost';
  #listener: (state: LeaseState, reason: string) => void = () => undefined;
  #cancel: () => void = () => undefined;

  constructor(options: LeaseOptions) {
    this.#o = options;
    this.#beatMs = Math.min(BEAT_MS_MAX, options.ttlMs / (RENEWALS_PER_TTL * 5));
  }

  get state(): LeaseState {
    if (this.#lost || this.#deadline === 0) return 'lost';
    const now = this.#o.clock.monoMs();
    if (now < this.#deadline) return 'held';
    if (this.#unreachable !== null && now - this.#beatAt < this.#beatMs * BEATS_MISSED_MAX) return 'cut-off';
    return 'unsure';
  }

  get leftMs(): number {
    return this.#lost ? 0 : Math.max(0, this.#deadline - this.#o.clock.monoMs());
  }

  /** An owner since this epoch did not give the lease back: only its Redis may have the last changes of workers it had. Else null. */
  get owedSince(): bigint | null {
    return this.#owedSince;
  }

  proof(): readonly [group: string, epoch: bigint, holder: string] {
    return [this.#o.group, this.#epoch, this.#o.self.node];
  }

  watch(listener: (state: LeaseState, reason: string) => void): void {
    this.#listener = listener;
    // What changed since the lease was taken.
    if (this.#told !== 'held') listener(this.#told, reasonFor(this.#told, this.#unreachable));
  }

  async acquire(signal: AbortSignal, onWait: (owner: NodeInfo | null) => void): Promise<void> {
    let told: string | undefined;
    for (;;) {
      if (signal.aborted) throw new RuntimeError('STOPPED', 'The start was ended while another node owns the group.');
      let owner: OwnerRow | null = null;
      try {
        owner = await this.#take();
        this.#unreachable = null;
      } catch (thrown) {
        // Whoever stands by waits for Postgres as well. A start that never reached it ends.
        if (told === undefined) throw thrown;
        if (this.#unreachable === null) this.#o.log('warn', `standing by without Postgres: ${reasonOf(thrown)}`);
        this.#unreachable = reasonOf(thrown);
      }
      if (this.#deadline > 0) break;
      if (owner?.differs === true) throw differentRedis(this.#o, owner.about);
      if (this.#unreachable === null && told !== (owner?.about.node ?? '')) {
        told = owner?.about.node ?? '';
        onWait(owner === null ? null : nodeOf(owner.about));
        if (owner !== null) this.#compareWhere(owner.about);
      }
      this.#watchExpiry(owner);
      await this.#pause(signal);
    }
    this.#told = 'held';
    this.#beat();
  }

  /** Where Postgres may lack something (not `isStored`), the next owner still has to have the same Redis. */
  async release(isStored = this.#owedSince === null): Promise<void> {
    this.#cancel();
    await this.#renewing;
    const held = this.#deadline > 0 && !this.#lost;
    this.#deadline = 0;
    if (!held) return;
    const text = `UPDATE "${this.#o.pool.schema}".leases SET ${isStored ? 'holder = NULL, ' : ''}expires_at = clock_timestamp()
                   WHERE node_group = $1 AND epoch = $2::bigint AND holder = $3`;
    try {
      await this.#o.pool.query(isStored ? 'release' : 'expire', text, this.proof());
      if (!isStored)
        this.#o.log(
          'info',
          'Redis may have changes that Postgres lacks: until a node with the same redis.prefix ran all workers and ended in order, others are refused',
        );
    } catch (thrown) {
      this.#o.log('warn', `the lease could not be given back and runs out by itself: ${reasonOf(thrown)}`);
    }
  }

  /** Takes the lease where it may; otherwise says who holds it, null where that is not known. */
  async #take(): Promise<OwnerRow | null> {
    const { pool, group, self, redis, ttlMs, clock } = this.#o;
    const from = clock.monoMs();
    const table = `"${pool.schema}".leases`;
    const prefix = redis?.prefix ?? null;
    // `after`: whose lease ran out. It is part of the row, since RETURNING shows what was written.
    const [taken] = await pool.query<{ epoch: string; after: Before | null }>(
      'take',
      `INSERT INTO ${table} AS l (node_group, epoch, holder, about, expires_at)
       VALUES ($1, ${nextEpoch('0')}, $2, $3, clock_timestamp() + $4 * interval '1 millisecond')
       ON CONFLICT (node_group) DO UPDATE SET epoch = ${nextEpoch('l.epoch')}, holder = excluded.holder,
         about = excluded.about || jsonb_build_object('after', CASE WHEN l.holder IS NOT NULL
           THEN (l.about - 'after') || jsonb_build_object('epoch', coalesce(l.about #>> '{after,epoch}', l.epoch::text)) END),
         expires_at = clock_timestamp() + $4 * interval '1 millisecond'
       WHERE l.holder IS NULL OR (l.expires_at < clock_timestamp() AND ${samePrefix('$5')})
       RETURNING epoch, about -> 'after' AS after`,
      [group, self.node, JSON.stringify({ ...self, redis }), ttlMs, prefix],
    );
    if (taken !== undefined) {
      this.#epoch = BigInt(taken.epoch);
      this.#renewed(from);
      this.#owedSince = taken.after === null ? null : BigInt(taken.after.epoch);
      if (taken.after !== null) this.#compareWhere(taken.after);
      return null;
    }
    const [owner] = await pool.query<OwnerRow>(
      'owner',
      `SELECT about, expires_at::text AS expires, holder IS NOT NULL AND NOT ${samePrefix('$2')} AS differs,
              holder IS NOT NULL AND expires_at > clock_timestamp() + $3 * interval '1 millisecond' AS "isFar"
         FROM ${table} AS l WHERE node_group = $1`,
      [group, prefix, RANGES.leaseMs[1]],
    );
    return owner ?? null;
  }

  #compareWhere(other: About): void {
    const { redis, log } = this.#o;
    if (redis === null || (other.redis ?? null) === null || other.redis?.where === redis.where) return;
    if (this.#compared === other.node) return;
    this.#compared = other.node;
    log(
      'warn',
      `${named(other)} has its Redis at ${other.redis?.where}, this node at ${redis.where}. If these are not the same server, stop this node: what was acknowledged is lost when it takes over`,
    );
  }

  /** Tells of a lease that only a clock of Postgres which was put back can explain. An owner that lives renews it before that. */
  #watchExpiry(owner: OwnerRow | null): void {
    const { clock, ttlMs, group, pool, log } = this.#o;
    const now = clock.monoMs();
    if (owner === null || !owner.isFar) {
      if (this.#unreachable === null) this.#far = null;
      return;
    }
    if (this.#far?.expires !== owner.expires) this.#far = { expires: owner.expires, since: now, told: false };
    if (this.#far.told || now - this.#far.since < ttlMs) return;
    this.#far.told = true;
    log(
      'warn',
      `the lease of ${named(owner.about)} runs until ${owner.expires} by the clock of Postgres, longer than any lease, and is not renewed: that clock was put back. This node waits until then. If that node does not run any more: UPDATE "${pool.schema}".leases SET expires_at = now() WHERE node_group = '${group}'`,
    );
  }

  #renewed(from: number): void {
    this.#deadline = from + this.#o.ttlMs;
    this.#renewAt = from + this.#o.ttlMs / RENEWALS_PER_TTL;
    this.#unreachable = null;
  }

  #beat(): void {
    const now = this.#o.clock.monoMs();
    if (this.#lost) return;
    // Before the beat counts: what was known of Postgres before a standstill is old.
    this.#tell();
    const { clock, ttlMs } = this.#o;
    const wall = clock.wallMs();
    // A machine that slept: its monotonic clock may have slept too. A calendar that was set costs one renewal.
    if (wall - this.#wallAt - (now - this.#beatAt) > ttlMs / RENEWALS_PER_TTL && this.#wallAt > 0) {
      this.#deadline = Math.min(this.#deadline, now);
      this.#renewAt = now;
      this.#tell();
    }
    this.#wallAt = wall;
    this.#beatAt = now;
    if (now >= this.#renewAt && this.#renewing === null) {
      this.#renewing = this.#renew().finally(() => {
        this.#renewing = null;
        this.#tell();
      });
    }
    this.#cancel = this.#o.clock.after(this.#beatMs, () => this.#beat());
  }

  async #renew(): Promise<void> {
    const { pool, ttlMs, clock } = this.#o;
    const from = clock.monoMs();
    try {
      const rows = await pool.query(
        'renew',
        `UPDATE "${pool.schema}".leases SET expires_at = clock_timestamp() + $4 * interval '1 millisecond'
          WHERE node_group = $1 AND epoch = $2::bigint AND holder = $3 RETURNING epoch`,
        [...this.proof(), ttlMs],
      );
      if (rows.length > 0) this.#renewed(from);
      else this.#lost = true;
    } catch (thrown) {
      this.#unreachable = reasonOf(thrown);
    }
  }

  #tell(): void {
    const { state } = this;
    if (state === this.#told) return;
    this.#told = state;
    this.#listener(state, reasonFor(state, this.#unreachable));
    if (state === 'lost') this.#cancel();
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#o.clock.after(this.#beatMs, resolve);
    const onAbort = (): void => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    await promise;
    // A node may stand by for months.
    signal.removeEventListener('abort', onAbort);
    cancel();
  }
}

const nodeOf = ({ node, host, pid }: About): NodeInfo => ({ node, host, pid });

const named = ({ host, pid }: NodeInfo): string => `process ${pid} on ${host}`;

const placeOf = (redis: RedisPlace | null | undefined): string =>
  redis === null || redis === undefined ? 'no Redis' : `redis.prefix ${redis.prefix} at ${redis.where}`;

function differentRedis({ group, redis }: LeaseOptions, owner: About): RuntimeError {
  return new RuntimeError(
    'STORE_UNUSABLE',
    `Node group ${group} belongs to ${named(owner)}, which has ${placeOf(owner.redis)}; this node has ${placeOf(redis)}. All nodes of a group need the same Redis and redis.prefix: what was acknowledged would be lost. To change them, stop that node in order first. If it is gone for good, start a node once with its setting, and stop that in order: then Postgres has everything (docs/operations.md, "Several nodes").`,
  );
}

function reasonFor(state: LeaseState, unreachable: string | null): string {
  switch (state) {
    case 'held':
      return 'the lease of this node was renewed';
    case 'cut-off':
      return `the lease of this node ran out, because Postgres cannot be reached: ${unreachable}`;
    case 'unsure':
      return 'the lease of this node ran out while it stood still';
    case 'lost':
      return 'another node took over';
  }
}
