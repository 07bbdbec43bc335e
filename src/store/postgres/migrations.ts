/**
 * The tables, version by version. A migration that was released is never changed: a new one follows it. Several nodes may
 * migrate at once: the migrator holds an advisory lock, so one does it and the others find it done.
 */
import { Kysely, PostgresDialect, type PostgresDialectConfig, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { RuntimeError } from '../../core/errors.ts';
import { type Connections, MIGRATION_LIMITS, withinLimits } from './migration-watch.ts';
import { openError, sqlState } from './postgres-error.ts';
import type { PostgresPool } from './postgres-pool.ts';

const MIGRATIONS: Readonly<Record<string, (schema: string) => readonly string[]>> = {
  '0001_state': (schema) => [
    // written_epoch: of the owner that wrote the revision; epoch: of the owner now. fillfactor: the row of a worker is
    // rewritten with every commit, and finds room on its own page.
    `CREATE TABLE "${schema}".workers (
       id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
       node_group text COLLATE "C" NOT NULL,
       worker text COLLATE "C" NOT NULL,
       epoch bigint NOT NULL,
       written_epoch bigint NOT NULL,
       revision bigint NOT NULL,
       commit_id text,
       checksum text,
       head text,
       UNIQUE (node_group, worker)
     ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)`,
    `CREATE TABLE "${schema}".state (
       worker bigint NOT NULL,
       key text COLLATE "C" NOT NULL,
       json text NOT NULL,
       PRIMARY KEY (worker, key)
     ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)`,
    // The highest epoch of any removed worker: a namesake starts above it, so old owners stay fenced.
    `CREATE TABLE "${schema}".removed (one boolean PRIMARY KEY DEFAULT true CHECK (one), epoch bigint NOT NULL)`,
    `INSERT INTO "${schema}".removed (epoch) VALUES (0)`,
    // Who may claim workers: one node of each group at a time.
    `CREATE TABLE "${schema}".leases (
       node_group text COLLATE "C" PRIMARY KEY,
       epoch bigint NOT NULL,
       holder text,
       about jsonb NOT NULL,
       expires_at timestamptz NOT NULL
     )`,
  ],
  '0002_store': (schema) => [
    // Which Postgres this is, for the Redis in front of it. The check is for who adopts what another one has left there.
    `CREATE TABLE "${schema}".store (
       one boolean PRIMARY KEY DEFAULT true CHECK (one),
       id text NOT NULL CHECK (id ~ '^[0-9a-f]{16}$'),
       made_at timestamptz NOT NULL
     )`,
    `INSERT INTO "${schema}".store (id, made_at)
     VALUES (left(replace(gen_random_uuid()::text, '-', ''), 16), clock_timestamp())`,
  ],
};

/** Names of all migrations, in their order. */
export const MIGRATION_NAMES: readonly string[] = Object.keys(MIGRATIONS).sort();

export interface Migrated {
  /** Names of those that were carried out by this call. */
  readonly applied: readonly string[];
}

/** @throws RuntimeError STORE_UNUSABLE; STORE_UNAVAILABLE, also where somebody else holds a lock on the tables */
export async function migrate(pool: PostgresPool, limits = MIGRATION_LIMITS): Promise<Migrated> {
  // The usual start waits for nobody, and needs no right to change tables.
  if ((await pendingMigrations(pool, limits)).length === 0) return { applied: [] };
  try {
    const { results = [] } = await withinLimits(pool, limits, async (connections) => {
      const result = await migrator(openKysely(connections), pool.schema).migrateToLatest();
      if (result.error !== undefined) throw result.error;
      return result;
    });
    return { applied: results.filter(({ status }) => status === 'Success').map(({ migrationName }) => migrationName) };
  } catch (thrown) {
    if (thrown instanceof RuntimeError) throw thrown;
    if (isNewer(thrown)) throw tooNew(pool);
    throw openError(thrown, pool.where);
  }
}

/** Those that are missing. @throws RuntimeError STORE_UNUSABLE where a newer release has been there */
export async function pendingMigrations(pool: PostgresPool, limits = MIGRATION_LIMITS): Promise<readonly string[]> {
  const table = `"${pool.schema}".kysely_migration`;
  let done: string[];
  try {
    done = await withinLimits(pool, limits, async (connections) => {
      const client = await connections.connect();
      const { rows } = await client.query(`SELECT name FROM ${table}`);
      return rows.map(({ name }: { name: string }) => name);
    });
  } catch (thrown) {
    // No such table, or no such schema.
    if (!['42P01', '3F000'].includes(sqlState(thrown) ?? '')) throw openError(thrown, pool.where);
    done = [];
  }
  if (done.some((name) => !MIGRATION_NAMES.includes(name))) throw tooNew(pool);
  return MIGRATION_NAMES.filter((name) => !done.includes(name));
}

function migrator(db: Kysely<unknown>, schema: string): Migrator {
  const all = Object.entries(MIGRATIONS).map(([name, statements]): [string, Migration] => [
    name,
    {
      async up(connection) {
        for (const statement of statements(schema)) await sql.raw(statement).execute(connection);
      },
    },
  ]);
  return new Migrator({
    db,
    provider: { getMigrations: async () => Object.fromEntries(all) },
    migrationTableSchema: schema,
  });
}

/** The connections are not its own: nothing here closes them. */
function openKysely(connections: Connections): Kysely<unknown> {
  const pool = { connect: () => connections.connect(), end: async () => undefined, options: {} };
  return new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: pool as unknown as PostgresDialectConfig['pool'] }),
  });
}

const isNewer = (thrown: unknown): boolean =>
  thrown instanceof Error && /corrupted migrations|previously executed migration/.test(thrown.message);

function tooNew({ where, schema }: PostgresPool): RuntimeError {
  return new RuntimeError(
    'STORE_UNUSABLE',
    `The tables in schema ${schema} of Postgres at ${where} were made by a newer release. Start that one, or restore a backup from before.`,
  );
}
