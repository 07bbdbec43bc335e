/**
 * State in Postgres: one row per worker, one per key. Everything that is decided is decided there, under the lock of the
 * worker's row; this side only gathers.
 */
import { RuntimeError } from '../../core/errors.ts';
import { KiB, MiB } from '../../core/limits.ts';
import { COMMITTED, decideReplacement, refuseCommit, refuseReplacement } from '../commit-rule.ts';
import type {
  Commit,
  CommitResult,
  Replacement,
  StateStore,
  StoredCopy,
  StoredWorker,
  WorkerId,
} from '../contracts.ts';
import { type BatchKind, Onward, WorkerQueue } from '../worker-queue.ts';
import { type Advance, commitKind } from './commit-statement.ts';
import type { LeaseGuard } from './lease.ts';
import { nextEpoch } from './next-epoch.ts';
import { fromColumn, toColumn } from './nul-free.ts';
import type { PostgresPool } from './postgres-pool.ts';

export interface PostgresStateOptions {
  readonly pool: PostgresPool;
  /** Whose workers: each node group has its own, by whatever name. */
  readonly group: string;
  /** Claims are refused unless this lease is held at that moment; null for a store that needs none. */
  readonly lease: LeaseGuard | null;
}

const OPERATIONS_MAX = 100_000;
const WEIGHT_MAX = 256 * MiB;
/** What a claim or read brings at once. A larger state comes with its size first, and then among few enough others. */
const SMALL_BYTES = 16 * KiB;
/** Of keys and values in one answer; a state that is larger comes alone. */
const LOAD_BYTES_MAX = 8 * MiB;
const LOADS_MAX = 200;
/** Of a claim that somebody else's, or an earlier one of its own, gets ahead of. */
const CLAIM_TRIES = 3;

interface Row extends Record<string, unknown> {
  readonly worker: string;
  readonly epoch: string;
  readonly written_epoch: string;
  readonly revision: string;
  readonly commit_id: string | null;
  readonly checksum: string | null;
  readonly head: string | null;
  /** Of its keys and values together. */
  readonly bytes: number;
  /** Null where it has too many bytes. */
  readonly entries: [string, string][] | null;
}

/** What a claim found. */
export interface ClaimedCopy extends StoredCopy {
  /** The epoch that was raised; 0 for a new worker. */
  readonly before?: bigint;
}

interface Raised {
  readonly worker: WorkerId;
  readonly epoch: bigint;
  readonly before: bigint;
}

/** A claim whose state is still to be loaded. */
interface Large extends Raised {
  readonly bytes: number;
}

export class PostgresStateStore implements StateStore {
  readonly #pool: PostgresPool;
  readonly #group: string;
  readonly #lease: LeaseGuard | null;
  readonly #queue: WorkerQueue;
  readonly #commits: BatchKind<Advance, CommitResult>;
  readonly #claims: BatchKind<WorkerId, ClaimedCopy | Large>;
  readonly #reads: BatchKind<WorkerId, StoredCopy | null>;
  readonly #claimLoads: BatchKind<Raised, ClaimedCopy>;
  readonly #loads: BatchKind<WorkerId, StoredCopy | null>;
  readonly #others: BatchKind<() => Promise<CommitResult>, CommitResult>;

  constructor({ pool, group, lease }: PostgresStateOptions) {
    this.#pool = pool;
    this.#group = group;
    this.#lease = lease;
    this.#queue = new WorkerQueue({
      name: 'Postgres',
      batchesMax: Math.max(1, Math.min(4, pool.size - 2)),
      operationsMax: OPERATIONS_MAX,
      weightMax: WEIGHT_MAX,
    });
    this.#commits = commitKind(pool, group);
    const small = { sizeMax: LOADS_MAX, weightMax: LOADS_MAX * SMALL_BYTES };
    const large = { sizeMax: LOADS_MAX, weightMax: LOAD_BYTES_MAX };
    this.#claims = { ...small, run: (workers) => this.#claimAll(workers) };
    this.#reads = { ...small, run: (workers) => this.#readAll(workers) };
    this.#claimLoads = { ...large, run: (raised) => this.#loadClaimed(raised) };
    this.#loads = { ...large, run: (workers) => this.#loadAll(workers) };
    this.#others = { sizeMax: 1, weightMax: 0, run: async ([work]) => (work === undefined ? [] : [await work()]) };
  }

  /** `beforeLarge` is waited for before a large state is loaded: whoever holds several of them decides when it may come. */
  async claim(worker: WorkerId, beforeLarge?: (bytes: number) => Promise<void>): Promise<ClaimedCopy> {
    const submission = { worker, weight: SMALL_BYTES, held: SMALL_BYTES, urgent: true };
    const claimed = await this.#queue.submit(this.#claims, { ...submission, request: worker });
    if (!('bytes' in claimed)) return claimed;
    await beforeLarge?.(claimed.bytes);
    return this.#queue.submit(this.#claimLoads, { ...submission, request: claimed, weight: claimed.bytes });
  }

  read(worker: WorkerId): Promise<StoredCopy | null> {
    return this.#queue.submit(this.#reads, { worker, request: worker, weight: SMALL_BYTES, urgent: true });
  }

  commit(commit: Commit): Promise<CommitResult> {
    const refusal = refuseCommit(commit);
    return refusal === null ? this.advance(commit, commit.urgent === true) : Promise.reject(refusal);
  }

  /** A commit, or several of one worker in one step. */
  advance(step: Advance, urgent: boolean): Promise<CommitResult> {
    let weight = step.head.length + 200;
    for (const { key, json } of step.changes) weight += key.length + (json?.length ?? 0) + 40;
    return this.#queue.submit(this.#commits, { worker: step.worker, request: step, weight, urgent });
  }

  replace(replacement: Replacement): Promise<CommitResult> {
    const refusal = refuseReplacement(replacement);
    if (refusal !== null) return Promise.reject(refusal);
    const { worker, head, entries } = replacement;
    const weight = entries.reduce((sum, [key, json]) => sum + key.length + json.length, head.length);
    return this.#submit(worker, weight, () => this.#replace(replacement));
  }

  remove(worker: WorkerId, epoch: bigint): Promise<CommitResult> {
    return this.#submit(worker, 0, () => this.#remove(worker, epoch));
  }

  async list(): Promise<readonly StoredWorker[]> {
    const rows = await this.#pool.query<Row>(
      'list',
      `SELECT worker, epoch, revision, head FROM "${this.#pool.schema}".workers WHERE node_group = $1 ORDER BY worker`,
      [this.#group],
    );
    return rows.map(({ worker, epoch, revision, head }) => ({
      worker,
      epoch: BigInt(epoch),
      revision: BigInt(revision),
      head: head === null || head === '' ? null : fromColumn(head),
    }));
  }

  /** The pool stays open: it is its opener's. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  #submit(worker: WorkerId, weight: number, work: () => Promise<CommitResult>): Promise<CommitResult> {
    return this.#queue.submit(this.#others, { worker, request: work, weight, urgent: true });
  }

  /** First the epochs, then what is stored: from then on only an owner that is newer still can change it. */
  async #claimAll(workers: readonly WorkerId[]): Promise<(ClaimedCopy | Large | Error)[]> {
    const raised = await this.#raiseAll(workers);
    const rows = raised.size === 0 ? new Map<WorkerId, Row>() : await this.#rows(workers, atOnce(workers));
    return workers.map((worker) => {
      const own = raised.get(worker);
      const row = rows.get(worker);
      if (own === undefined) return this.#notOurs(worker);
      return row?.entries === null ? { ...own, bytes: row.bytes } : this.#claimed(own, row);
    });
  }

  async #loadClaimed(raised: readonly Raised[]): Promise<(ClaimedCopy | Error)[]> {
    const workers = raised.map(({ worker }) => worker);
    const rows = await this.#rows(workers, null);
    return raised.map((own) => this.#claimed(own, rows.get(own.worker)));
  }

  #claimed({ worker, epoch, before }: Raised, row: Row | undefined): ClaimedCopy | Error {
    return row === undefined || BigInt(row.epoch) !== epoch ? this.#notOurs(worker) : { ...toCopy(row), before };
  }

  /**
   * Each epoch is raised from the one that was just read, and from no other: a statement whose answer was lost, and that the server
   * carries out late, or after the next one, finds another epoch and does nothing. A new row counts as written after every removed
   * namesake, and before whatever Redis may have of a worker that only Postgres has forgotten.
   */
  async #raiseAll(workers: readonly WorkerId[]): Promise<ReadonlyMap<WorkerId, Raised>> {
    const { schema } = this.#pool;
    const raised = new Map<WorkerId, Raised>();
    for (let tries = CLAIM_TRIES, left = workers; left.length > 0 && tries > 0; tries--) {
      const found = await this.#pool.query<{ worker: string; epoch: string }>(
        'epochs',
        `SELECT worker, epoch FROM "${schema}".workers WHERE worker = ANY($1) AND node_group = $2`,
        [left, this.#group],
      );
      const before = new Map(found.map(({ worker, epoch }) => [worker, epoch]));
      const expected = left.map((worker) => before.get(worker) ?? null);
      const granted = await this.#pool.query<{ worker: string; epoch: string }>(
        'claim',
        `WITH gone AS MATERIALIZED (SELECT epoch FROM "${schema}".removed FOR SHARE),
         mine AS (SELECT WHERE $4::bigint IS NULL OR EXISTS (
           SELECT FROM "${schema}".leases
            WHERE node_group = $3 AND epoch = $4 AND holder = $5 AND expires_at > clock_timestamp())),
         given AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::bigint[]) AS g(worker, epoch))
         INSERT INTO "${schema}".workers AS w (node_group, worker, epoch, written_epoch, revision)
         SELECT $3, g.worker, ${nextEpoch('gone.epoch')}, gone.epoch + 1, 0 FROM given g, gone, mine ORDER BY g.worker COLLATE "C"
         ON CONFLICT (node_group, worker) DO UPDATE SET epoch = ${nextEpoch('w.epoch')}
          WHERE w.epoch = (SELECT g.epoch FROM given g WHERE g.worker = excluded.worker)
         RETURNING w.worker, w.epoch`,
        [left, expected, ...(this.#lease?.proof() ?? [this.#group, null, null])],
      );
      for (const { worker, epoch } of granted)
        raised.set(worker, { worker, epoch: BigInt(epoch), before: BigInt(before.get(worker) ?? 0) });
      left = left.filter((worker) => !raised.has(worker));
    }
    return raised;
  }

  /** A lease that ran out on the way is renewed or lost: which, is known soon. */
  #notOurs(worker: WorkerId): RuntimeError {
    const over = this.#lease === null || this.#lease.state === 'lost';
    if (over) return new RuntimeError('FENCED', `Worker ${worker} belongs to another node: this one holds no lease.`);
    return new RuntimeError(
      'STORE_UNAVAILABLE',
      `worker ${worker} could not be claimed: the lease had run out, or others claim it too`,
    );
  }

  async #readAll(workers: readonly WorkerId[]): Promise<(StoredCopy | Onward<StoredCopy | null> | null)[]> {
    const rows = await this.#rows(workers, atOnce(workers));
    return workers.map((worker) => {
      const row = rows.get(worker);
      if (row === undefined) return null;
      return row.entries === null ? Onward.to(this.#loads, worker, row.bytes) : toCopy(row);
    });
  }

  async #loadAll(workers: readonly WorkerId[]): Promise<(StoredCopy | null)[]> {
    const rows = await this.#rows(workers, null);
    return workers.map((worker) => {
      const row = rows.get(worker);
      return row === undefined ? null : toCopy(row);
    });
  }

  /** Each as it is at one moment. Without entries where those are more than `bytesMax`. */
  async #rows(workers: readonly WorkerId[], bytesMax: number | null): Promise<ReadonlyMap<WorkerId, Row>> {
    const { schema } = this.#pool;
    const rows = await this.#pool.query<Row>(
      'read',
      `SELECT worker, epoch, written_epoch, revision, commit_id, checksum, head, bytes,
              CASE WHEN bytes <= $3 OR $3 IS NULL THEN
                (SELECT coalesce(json_agg(json_build_array(key, json) ORDER BY key), '[]')
                   FROM "${schema}".state s WHERE s.worker = w.id)
              END AS entries
         FROM "${schema}".workers w CROSS JOIN LATERAL (
           SELECT coalesce(sum(octet_length(key) + octet_length(json)), 0)::float8 AS bytes
             FROM "${schema}".state s WHERE s.worker = w.id) size
        WHERE worker = ANY($1) AND node_group = $2`,
      [workers, this.#group, bytesMax],
    );
    return new Map(rows.map((row) => [row.worker, row]));
  }

  #replace(replacement: Replacement): Promise<CommitResult> {
    const { worker, epoch, revision, commitId, head, checksum = null, entries } = replacement;
    const { schema } = this.#pool;
    return this.#pool.transaction(async (client) => {
      const { rows: gone } = await client.query(`SELECT epoch FROM "${schema}".removed FOR SHARE`);
      const { rows } = await client.query(
        `SELECT epoch, revision, commit_id FROM "${schema}".workers WHERE worker = $1 AND node_group = $2 FOR UPDATE`,
        [worker, this.#group],
      );
      const row = rows[0];
      const stored =
        row === undefined
          ? undefined
          : { epoch: BigInt(row.epoch), revision: BigInt(row.revision), commitId: row.commit_id as string | null };
      const decision = decideReplacement(stored, BigInt(gone[0]?.epoch ?? 0), replacement);
      if (decision.kind !== 'apply') return decision;
      const { rows: put } = await client.query(
        `INSERT INTO "${schema}".workers AS w (node_group, worker, epoch, written_epoch, revision, commit_id, head, checksum)
         VALUES ($7, $1, $2, $2, $3, $4, $5, $6)
         ON CONFLICT (node_group, worker) DO UPDATE SET epoch = excluded.epoch, written_epoch = excluded.written_epoch,
           revision = excluded.revision, commit_id = excluded.commit_id, head = excluded.head, checksum = excluded.checksum
         RETURNING id`,
        [worker, epoch, revision, commitId, toColumn(head), checksum, this.#group],
      );
      const id: unknown = put[0]?.id;
      await client.query(`DELETE FROM "${schema}".state WHERE worker = $1`, [id]);
      const rowsOf = [...new Map(entries)].map(([key, json]) => ({ key: toColumn(key), json: toColumn(json) }));
      await client.query(
        `INSERT INTO "${schema}".state (worker, key, json)
         SELECT $1, key, json FROM json_to_recordset($2::json) AS c(key text, json text)`,
        [id, JSON.stringify(rowsOf)],
      );
      return COMMITTED;
    });
  }

  #remove(worker: WorkerId, epoch: bigint): Promise<CommitResult> {
    const { schema } = this.#pool;
    return this.#pool.transaction(async (client) => {
      // In the order of a claim.
      await client.query(`SELECT FROM "${schema}".removed FOR UPDATE`);
      const { rows } = await client.query(
        `SELECT id, epoch FROM "${schema}".workers WHERE worker = $1 AND node_group = $2 FOR UPDATE`,
        [worker, this.#group],
      );
      const row = rows[0];
      if (row === undefined) return COMMITTED;
      if (BigInt(row.epoch) !== epoch) return { kind: 'fenced', epoch: BigInt(row.epoch) };
      await client.query(`DELETE FROM "${schema}".state WHERE worker = $1`, [row.id]);
      await client.query(`DELETE FROM "${schema}".workers WHERE id = $1`, [row.id]);
      await client.query(`UPDATE "${schema}".removed SET epoch = greatest(epoch, $1)`, [epoch]);
      return COMMITTED;
    });
  }
}

function toCopy(row: Row): StoredCopy {
  return {
    epoch: BigInt(row.epoch),
    writtenEpoch: BigInt(row.written_epoch),
    revision: BigInt(row.revision),
    commitId: orNull(row.commit_id),
    head: row.head === null || row.head === '' ? null : fromColumn(row.head),
    entries: (row.entries ?? []).map(([key, json]) => [fromColumn(key), fromColumn(json)] as const),
    ...(row.checksum === null ? {} : { checksum: row.checksum }),
  };
}

/** Of how many bytes each of them may be at once: one alone is never too much. */
const atOnce = (workers: readonly WorkerId[]): number | null => (workers.length === 1 ? null : SMALL_BYTES);

const orNull = (text: string | null): string | null => (text === '' ? null : text);
