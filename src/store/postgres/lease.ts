/**
 * One lease per node group, a row in Postgres. Its time is that of the database; the holder counts on its own monotonic clock from
 * before it asked, so it always knows of its end first. It only says who may claim workers: what protects their state is
 * the epoch of each. A node that stood still finds its deadline passed, and does nothing until the lease was renewed.
 */
import type { Clock } from '../../core/clock.ts';
import { RuntimeError } from '../../core/errors.ts';
import type { LeaseState, NodeInfo, Placement } from '../placement.ts';
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
  readonly ttlMs: number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/** A third of the lease: two renewals may fail. */
const RENEWALS_PER_TTL = 3;
const BEAT_MS_MAX = 1_000;
/** Beats that a node which is well may miss before what it knew of Postgres is old. */
const BEATS_MISSED_MAX = 5;

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
      try {
        const owner = await this.#take();
        this.#unreachable = null;
        if (this.#deadline > 0) break;
        if (told !== (owner?.node ?? '')) onWait(owner);
        told = owner?.node ?? '';
      } catch (thrown) {
        // Whoever stands by waits for Postgres as well. A start that never reached it ends.
        if (told === undefined) throw thrown;
        if (this.#unreachable === null) this.#o.log('warn', `standing by without Postgres: ${reasonOf(thrown)}`);
        this.#unreachable = reasonOf(thrown);
      }
      await this.#pause(signal);
    }
    this.#told = 'held';
    this.#beat();
  }

  async release(): Promise<void> {
    this.#cancel();
    await this.#renewing;
    const held = this.#deadline > 0 && !this.#lost;
    this.#deadline = 0;
    if (!held) return;
    const text = `UPDATE "${this.#o.pool.schema}".leases SET holder = NULL, expires_at = clock_timestamp()
                   WHERE node_group = $1 AND epoch = $2::bigint AND holder = $3`;
    try {
      await this.#o.pool.query('release', text, this.proof());
    } catch (thrown) {
      this.#o.log('warn', `the lease could not be given back and runs out by itself: ${reasonOf(thrown)}`);
    }
  }

  /** Takes the lease where nobody holds it; otherwise says who does, null where that is not known. */
  async #take(): Promise<NodeInfo | null> {
    const { pool, group, self, ttlMs, clock } = this.#o;
    const from = clock.monoMs();
    const table = `"${pool.schema}".leases`;
    const [taken] = await pool.query<{ epoch: string }>(
      'take',
      `INSERT INTO ${table} AS l (node_group, epoch, holder, about, expires_at)
       VALUES ($1, ${nextEpoch('0')}, $2, $3, clock_timestamp() + $4 * interval '1 millisecond')
       ON CONFLICT (node_group) DO UPDATE SET epoch = ${nextEpoch('l.epoch')}, holder = excluded.holder, about = excluded.about,
         expires_at = clock_timestamp() + $4 * interval '1 millisecond'
       WHERE l.holder IS NULL OR l.expires_at < clock_timestamp()
       RETURNING epoch`,
      [group, self.node, JSON.stringify(self), ttlMs],
    );
    if (taken !== undefined) {
      this.#epoch = BigInt(taken.epoch);
      this.#renewed(from);
      return null;
    }
    this.#unreachable = null;
    const [owner] = await pool.query<{ about: NodeInfo }>('owner', `SELECT about FROM ${table} WHERE node_group = $1`, [
      group,
    ]);
    return owner?.about ?? null;
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
