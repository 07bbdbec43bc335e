/** `runtime migrate`: the tables in Postgres, looked at or brought up to date, without any node being started. */
import type { PostgresStoreOptions } from '../runtime.ts';
import { migrate, pendingMigrations } from './postgres/migrations.ts';
import { PostgresPool } from './postgres/postgres-pool.ts';

export interface MigrationReport {
  /** Names of what was missing: now carried out, or with `checkOnly` still missing. */
  readonly migrations: readonly string[];
  /** Which Postgres, without its password. */
  readonly where: string;
}

/** Several may do it at once: one does, the others find it done. @throws RuntimeError STORE_UNAVAILABLE, STORE_UNUSABLE */
export async function migratePostgres(
  postgres: PostgresStoreOptions,
  { checkOnly }: { readonly checkOnly: boolean },
): Promise<MigrationReport> {
  const pool = new PostgresPool(postgres, () => undefined);
  try {
    await pool.check();
    const migrations = checkOnly ? await pendingMigrations(pool) : (await migrate(pool)).applied;
    return { migrations, where: pool.where };
  } finally {
    await pool.close();
  }
}
