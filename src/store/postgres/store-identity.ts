/** Which Postgres this is: what Redis in front of it says it belongs to. A backup and a replica have the same id; a copy that is to live beside it needs one of its own. */
import { RuntimeError } from '../../core/errors.ts';
import { openError } from './postgres-error.ts';
import type { PostgresPool } from './postgres-pool.ts';

export interface StoreIdentity {
  /** 16 hex digits, drawn when the schema was made. */
  readonly id: string;
  /** For people: host, port, database and schema, without user and password. */
  readonly where: string;
}

/** For a start, once all tables are there. @throws RuntimeError STORE_UNAVAILABLE, STORE_UNUSABLE */
export async function readIdentity(pool: PostgresPool): Promise<StoreIdentity> {
  let rows: readonly { readonly id: string }[];
  try {
    rows = await pool.query<{ id: string }>('identity', `SELECT id FROM "${pool.schema}".store`, []);
  } catch (thrown) {
    throw openError(thrown instanceof RuntimeError ? (thrown.cause ?? thrown) : thrown, pool.where);
  }
  const [row] = rows;
  const where = `${pool.where}, schema ${pool.schema}`;
  if (row !== undefined) return { id: row.id, where };
  throw new RuntimeError(
    'STORE_UNUSABLE',
    `The table ${pool.schema}.store of Postgres at ${pool.where} is empty: nothing says which Redis belongs to it. Put its row back from a backup.`,
  );
}
