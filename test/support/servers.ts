/**
 * Real servers for tests. Most tests share the two that the global setup started (`sharedRedis`, `sharedPostgres`) and keep to
 * a prefix or a database of their own; a test that kills, pauses or configures a server starts its own.
 */
import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { createDatabase, databaseUrl, runSql } from './postgres-server.ts';

export { type PostgresOptions, type PostgresServer, startPostgres } from './postgres-server.ts';
export { type RedisOptions, type RedisServer, startRedis } from './redis-server.ts';

/** What the global setup tells every test file: where a server is, or in one line why it is not. */
export type SharedServer =
  | { readonly kind: 'running'; readonly url: string }
  | { readonly kind: 'missing'; readonly problem: string };

declare module 'vitest' {
  interface ProvidedContext {
    readonly redis: SharedServer;
    readonly postgres: SharedServer;
  }
}

function urlOf(server: SharedServer): string {
  if (server.kind === 'missing') throw new Error(server.problem);
  return server.url;
}

export interface SharedPostgres {
  /** Of a database that nobody else knows. */
  readonly url: string;
  /** Removes the database, whoever is still connected to it. */
  drop(): Promise<void>;
}

/** The shared server writes nothing through to the disk (fsync off): kill one of your own. */
export async function sharedPostgres(): Promise<SharedPostgres> {
  const server = urlOf(inject('postgres'));
  const url = await createDatabase(server);
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  return { url, drop: () => runSql(databaseUrl(server, 'postgres'), `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`) };
}

export interface SharedRedis {
  readonly url: string;
  /** Every key of this test begins with it. */
  readonly prefix: string;
}

/** The shared server keeps nothing on disk. Never FLUSHALL it: others are at work there. */
export function sharedRedis(): SharedRedis {
  return { url: urlOf(inject('redis')), prefix: `test:${randomUUID()}:` };
}
