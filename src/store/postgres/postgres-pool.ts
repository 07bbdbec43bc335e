/**
 * Connections to Postgres. Every statement has a limit on this side too: a peer that has gone silent is found by it, its
 * connection is thrown away, and whether the statement was carried out is unknown.
 */
import pg from 'pg';
import { RuntimeError } from '../../core/errors.ts';
import type { PostgresStoreOptions } from '../../runtime.ts';
import { readTls } from '../tls-files.ts';
import { openError, operationError } from './postgres-error.ts';

export const SCHEMA_DEFAULT = 'tick_runtime';
const POOL_DEFAULT = 8;
const CONNECT_MS_MAX = 5_000;
/** Of the limit on this side: the server gives up first, so that what it did is known where it can be. */
const SERVER_SHARE = 0.8;
const STATEMENT_MS_MAX = 10_000;
/** 13.0 */
const VERSION_MIN = 130_000;

export type PoolLog = (level: 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;

export class PostgresPool {
  readonly schema: string;
  /** Host, port and database, without user and password. */
  readonly where: string;
  readonly size: number;
  readonly #pool: pg.Pool;
  readonly #statementMs: number;
  readonly #prepared = new WeakSet<pg.PoolClient>();
  #closed: Promise<void> | null = null;

  /** `statementMs`: the limit of each statement, and of a connection attempt where it is shorter than that. */
  constructor(options: PostgresStoreOptions, log: PoolLog, statementMs = STATEMENT_MS_MAX) {
    this.#statementMs = statementMs;
    this.schema = options.schema ?? SCHEMA_DEFAULT;
    this.size = options.poolSize ?? POOL_DEFAULT;
    this.where = placeOf(options.url);
    this.#pool = new pg.Pool({
      connectionString: options.tls === undefined ? withoutAliases(options.url) : withoutTls(options.url),
      max: this.size,
      connectionTimeoutMillis: Math.min(CONNECT_MS_MAX, statementMs),
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      application_name: 'tick-runtime',
      Client: LetGoClient,
      ...(options.tls === undefined ? {} : { ssl: readTls(options.tls, 'postgres.tls') }),
    });
    // An idle connection that breaks would end the process otherwise.
    this.#pool.on('error', (error) => log('warn', `a connection to Postgres broke: ${error.message}`));
    this.#pool.on('connect', (client) => {
      client.on('error', () => undefined);
    });
  }

  /** Connects once. @throws RuntimeError STORE_UNAVAILABLE, STORE_UNUSABLE */
  async check(): Promise<void> {
    try {
      const { rows } = await this.#use((client) =>
        client.query<{ version: string; readonly: string; encoding: string }>(
          `SELECT current_setting('server_version_num') AS version, current_setting('server_encoding') AS encoding, current_setting('transaction_read_only') AS readonly`,
        ),
      );
      const version = Number(rows[0]?.version);
      if (version < VERSION_MIN)
        throw new RuntimeError(
          'STORE_UNUSABLE',
          `Postgres at ${this.where} is version ${Math.floor(version / 10_000)}; this release needs ${VERSION_MIN / 10_000} or newer.`,
        );
      if (rows[0]?.encoding !== 'UTF8')
        throw new RuntimeError(
          'STORE_UNUSABLE',
          `The database at ${this.where} has the encoding ${rows[0]?.encoding}, which cannot hold every text. Make one with ENCODING 'UTF8'.`,
        );
      if (rows[0]?.readonly === 'on')
        throw new RuntimeError(
          'STORE_UNUSABLE',
          `Postgres at ${this.where} is read-only, perhaps a replica. Name the primary in postgres.url.`,
        );
    } catch (thrown) {
      throw openError(thrown, this.where);
    }
  }

  /** One prepared statement. @throws RuntimeError STORE_UNAVAILABLE, or INTERNAL for what its own data is to blame for */
  async query<Row extends pg.QueryResultRow>(name: string, text: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return (await this.#use((client) => client.query<Row>({ name, text, values: [...values] }))).rows;
    } catch (thrown) {
      throw operationError(thrown);
    }
  }

  /** One transaction; it is taken back when `work` throws. The same errors. */
  async transaction<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    try {
      return await this.#use(async (client) => {
        await client.query('BEGIN');
        try {
          const result = await work(client);
          await client.query('COMMIT');
          return result;
        } catch (thrown) {
          await client.query('ROLLBACK').catch(() => undefined);
          throw thrown;
        }
      });
    } catch (thrown) {
      throw operationError(thrown);
    }
  }

  /** For what speaks to the pool itself: the migrator. */
  get raw(): pg.Pool {
    return this.#pool;
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.end();
    return this.#closed;
  }

  /** A connection whose statement failed for another reason than the statement is not used again. */
  async #use<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    if (this.#closed !== null) throw new RuntimeError('STORE_UNAVAILABLE', 'Postgres cannot do this now: it is closed');
    const client = await this.#pool.connect();
    let broken = true;
    try {
      await this.#prepare(client);
      const result = await within(this.#statementMs, work(client));
      broken = false;
      return result;
    } catch (thrown) {
      // A server that became a replica refuses writes for good; the next connection may find the new primary.
      broken = !(thrown instanceof pg.DatabaseError) || thrown.severity !== 'ERROR' || thrown.code === '25006';
      throw thrown;
    } finally {
      client.release(broken);
    }
  }

  async #prepare(client: pg.PoolClient): Promise<void> {
    if (this.#prepared.has(client)) return;
    const limits = `SET statement_timeout = ${Math.ceil(this.#statementMs * SERVER_SHARE)}; SET idle_in_transaction_session_timeout = ${this.#statementMs}`;
    // A node that stands still in the middle of a transaction must not hold its locks for ever; an acknowledged commit is on the disk.
    await within(this.#statementMs, client.query(`${limits}; SET synchronous_commit = on`));
    this.#prepared.add(client);
  }
}

/** A client whose login fails on this side leaves its connection open, until the server ends it after a minute. */
class LetGoClient extends pg.Client {
  override connect(): Promise<pg.Client>;
  override connect(callback: ((error: Error) => void) | ((error: null, client: pg.Client) => void)): void;
  override connect(callback?: unknown): Promise<pg.Client> | undefined {
    const connected = super.connect().catch((error: unknown) => {
      this.end().catch(() => undefined);
      throw error;
    });
    if (typeof callback !== 'function') return connected;
    connected.then(
      (client) => callback(null, client),
      (error: unknown) => callback(error),
    );
    return undefined;
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1_000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // When it loses the race its own end is of no interest.
    work.catch(() => undefined);
  }
}

/** @throws RuntimeError CONFIG_INVALID */
function placeOf(url: string): string {
  try {
    const { hostname, port, pathname } = new URL(url);
    // What follows a / or # in a password that is not written as %2F or %23 would be shown.
    if (/[/@]/.test(pathname.slice(1)) || /#|\?[^@]*@/.test(url)) throw new Error('no name of a database');
    return `${hostname === '' ? 'localhost' : hostname}:${port === '' ? '5432' : port}${pathname}`;
  } catch {
    throw new RuntimeError(
      'CONFIG_INVALID',
      'postgres.url is not a URL; write postgres://user:password@host:5432/database, with special characters as %xx.',
    );
  }
}

/** What the URL says of TLS would count for more than the settings. */
function withoutTls(text: string): string {
  const url = new URL(text);
  for (const name of ['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'uselibpqcompat'])
    url.searchParams.delete(name);
  return url.href;
}

/**
 * Three of its modes are another name of `verify-full` for this client, and each use of them prints a warning on several lines. With
 * `uselibpqcompat` they have their own meaning.
 */
function withoutAliases(url: string): string {
  if (/[?&]uselibpqcompat=true(&|$)/.test(url)) return url;
  return url.replaceAll(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/g, '$1verify-full');
}
