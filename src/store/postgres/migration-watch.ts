/**
 * Limits of what speaks to the pool itself, the migrator. The migrator waits for its locks for an hour: who is waited for is looked at
 * from a second connection, and after a while the wait is cancelled on the server, so that nothing of it goes on there.
 */
import type pg from 'pg';
import { RuntimeError } from '../../core/errors.ts';
import type { PostgresPool } from './postgres-pool.ts';

export interface MigrationLimits {
  /** How long one lock of somebody else is waited for. */
  readonly lockMs: number;
  /** For all of it: a server may have gone silent. */
  readonly totalMs: number;
}

export const MIGRATION_LIMITS: MigrationLimits = { lockMs: 30_000, totalMs: 600_000 };

/** Between looks at who is waited for. */
const LOOK_MS = 1_000;
/** A process that stands still in the middle must not hold its locks for ever. */
const IDLE_MS = 60_000;

/** What the migrator and its questions need of a pool. */
export interface Connections {
  connect(): Promise<{
    readonly query: (text: string, values?: unknown[]) => Promise<pg.QueryResult>;
    readonly release: () => void;
  }>;
}

interface Holder {
  readonly waiting: number;
  readonly pid: number;
  readonly user: string | null;
  readonly application: string | null;
  readonly address: string | null;
  readonly state: string | null;
}

const WHO = `
SELECT w.pid AS waiting, a.pid, a.usename AS "user", a.application_name AS application, host(a.client_addr) AS address, a.state
  FROM unnest($1::int[]) AS w (pid), unnest(pg_blocking_pids(w.pid)) AS b (pid) JOIN pg_stat_activity a ON a.pid = b.pid`;

/** @throws RuntimeError STORE_UNAVAILABLE when a limit is reached; whatever `work` throws */
export async function withinLimits<T>(
  pool: PostgresPool,
  { lockMs, totalMs }: MigrationLimits,
  work: (connections: Connections) => Promise<T>,
): Promise<T> {
  const clients = new Map<pg.PoolClient, number>();
  const free: pg.PoolClient[] = [];
  let blockedSince: number | null = null;
  let holder: Holder | null = null;
  let look: NodeJS.Timeout | undefined;
  let isOver = false;

  const connections: Connections = {
    async connect() {
      const client = free.pop() ?? (await pool.raw.connect());
      if (isOver) client.release(true);
      else if (!clients.has(client)) {
        clients.set(client, 0);
        const { rows } = await client.query<{ pid: number }>(
          `SELECT pg_backend_pid() AS pid, set_config('statement_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $2, false)`,
          [String(totalMs), String(IDLE_MS)],
        );
        clients.set(client, rows[0]?.pid ?? 0);
      }
      return { query: (text, values) => client.query(text, values), release: () => void free.push(client) };
    },
  };

  async function lookOnce(): Promise<void> {
    const rows = await pool.query<Holder & pg.QueryResultRow>('migration-waits', WHO, [[...clients.values()]]);
    const [first] = rows;
    if (isOver) return;
    if (first === undefined) blockedSince = null;
    else blockedSince ??= performance.now() - LOOK_MS;
    if (first === undefined || blockedSince === null || performance.now() - blockedSince < lockMs) return;
    holder = first;
    await pool.query('migration-cancel', 'SELECT pg_cancel_backend($1)', [first.waiting]);
  }
  const watch = (): void => {
    look = setTimeout(() => {
      // Whoever cannot be asked now is asked again.
      lookOnce()
        .catch(() => undefined)
        .finally(() => {
          if (!isOver) watch();
        });
    }, LOOK_MS);
  };
  watch();

  let total: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    total = setTimeout(() => reject(tooLong(pool, totalMs)), totalMs);
  });
  const working = work(connections);
  try {
    return await Promise.race([working, late]);
  } catch (thrown) {
    throw holder === null ? thrown : held(pool, lockMs, holder);
  } finally {
    isOver = true;
    clearTimeout(look);
    clearTimeout(total);
    working.catch(() => undefined);
    // Their settings are no other's.
    for (const client of clients.keys()) client.release(true);
  }
}

function held(
  { where }: PostgresPool,
  lockMs: number,
  { pid, user, application, address, state }: Holder,
): RuntimeError {
  const who = [application, user === null ? null : `user ${user}`, address === null ? null : `from ${address}`, state];
  const about = who.filter((part) => part !== null && part !== '').join(', ');
  return new RuntimeError(
    'STORE_UNAVAILABLE',
    `Postgres at ${where}: the tables cannot be made or updated, since process ${pid} of the server (${about}) has held a lock on them for more than ${Math.round(lockMs / 1_000)} s. Wait for it, or end it (\`SELECT pg_terminate_backend(${pid})\`), and start again.`,
  );
}

function tooLong({ where }: PostgresPool, totalMs: number): RuntimeError {
  return new RuntimeError(
    'STORE_UNAVAILABLE',
    `Postgres at ${where}: the tables were not made or updated within ${Math.round(totalMs / 1_000)} s. Look at the load and the log of the server, and start again; nothing is half done.`,
  );
}
