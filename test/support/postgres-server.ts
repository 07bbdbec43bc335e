/** A real Postgres for a test: processes of its own on 127.0.0.1, in a folder of its own. */
import { randomUUID } from 'node:crypto';
import { chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { findPostgres } from '../servers.mjs';
import { makePostgresFolder, postgresUser, unpackPostgres } from './postgres-template.ts';
import { SERVERS_MISSING } from './redis-server.ts';
import type { TestCertificate } from './self-signed.ts';
import { type ServerPlan, ServerProcess } from './server-process.ts';

export interface PostgresOptions {
  /** Default: one that is free. */
  readonly port?: number;
  /** Default: a folder of its own, which goes with the server. One that holds a Postgres is used as it is. */
  readonly dir?: string;
  /** Its own folder is on a file system in memory where there is one with room. Default false. */
  readonly inMemory?: boolean;
  /** Of postgresql.conf, over those below. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Of the user postgres, asked for over TCP (scram-sha-256); it is in the URL as well. Default: none is asked for. */
  readonly password?: string;
  /** It speaks TLS as well. The URL says `localhost`, so make the certificate for that name; what TLS a client wants it says itself. */
  readonly ssl?: TestCertificate;
}

export interface PostgresServer {
  /** Of the database `postgres`. */
  readonly url: string;
  readonly port: number;
  /** Of the first process; throws where it does not run. */
  readonly pid: number;
  readonly dir: string;
  /** Default SIGKILL, which takes all its processes; resolves when all have ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** In order, without waiting for clients (SIGINT); the folder stays. */
  stop(): Promise<void>;
  /** On the same port and folder; resolves when it has recovered. One that runs is stopped first. */
  restart(): Promise<void>;
  /** SIGSTOP for all its processes: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** An empty one; its URL. */
  createDatabase(name?: string): Promise<string>;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

/** Writing to disk in order (fsync) stays on, as Postgres has it. */
const SETTINGS = {
  shared_buffers: '32MB',
  max_connections: '100',
  listen_addresses: '127.0.0.1',
};

/** Runs statements, one after the other, on a connection of its own. */
export async function runSql(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new Client(url);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

export function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

/** A new database on the server of `url`; its URL. */
export async function createDatabase(url: string, name = `test_${randomUUID().replaceAll('-', '')}`): Promise<string> {
  await runSql(url, `CREATE DATABASE "${name.replaceAll('"', '""')}"`);
  return databaseUrl(url, name);
}

/** What pg_ctl asks as well: the eighth line of its lock file, written by the process of the first. */
function isReady(data: string, pid: number): boolean {
  const lock = join(data, 'postmaster.pid');
  if (!existsSync(lock)) return false;
  const lines = readFileSync(lock, 'utf8').split('\n');
  return lines[0] === `${pid}` && lines[7]?.trim() === 'ready';
}

const quoted = (value: string): string => `'${value.replaceAll("'", "''")}'`;

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const programs = findPostgres();
  if (programs === undefined) throw new Error(SERVERS_MISSING);
  const { password, ssl } = options;
  const user = postgresUser();
  const dir = options.dir ?? makePostgresFolder(user, options.inMemory);
  if (user !== undefined) chownSync(dir, user.uid, user.gid);
  const data = join(dir, 'data');
  if (!existsSync(data)) await unpackPostgres(programs, dir, user);
  const write = (name: string, text: string): void => {
    writeFileSync(join(data, name), text, { mode: 0o600 });
    if (user !== undefined) chownSync(join(data, name), user.uid, user.gid);
  };
  if (ssl !== undefined) {
    write('server.crt', ssl.cert);
    write('server.key', ssl.key);
  }
  const settings = {
    ...SETTINGS,
    unix_socket_directories: dir,
    ssl: ssl === undefined ? 'off' : 'on',
    ...options.settings,
  };
  write(
    'postgresql.auto.conf',
    Object.entries(settings)
      .map(([name, value]) => `${name} = ${quoted(value)}\n`)
      .join(''),
  );
  const method = password === undefined ? 'trust' : 'scram-sha-256';
  write(
    'pg_hba.conf',
    `local all all trust\nhost all all 127.0.0.1/32 ${method}\nhost replication all 127.0.0.1/32 ${method}\n`,
  );
  const plan: ServerPlan = {
    name: 'postgres',
    dir,
    ownsDir: options.dir === undefined,
    port: options.port,
    user,
    stopSignal: 'SIGINT',
    // An immediate shutdown: no clean-up of data, but its shared memory is given back.
    abortSignal: 'SIGQUIT',
    command: (port) => [join(programs, 'postgres'), '-D', data, '-p', `${port}`],
    isReady: (_port, pid) => isReady(data, pid),
  };
  const server = await ServerProcess.start(plan);
  const host = ssl === undefined ? '127.0.0.1' : 'localhost';
  const login = password === undefined ? 'postgres' : `postgres:${encodeURIComponent(password)}`;
  const url = `postgres://${login}@${host}:${server.port}/postgres`;
  if (password !== undefined) {
    // Through the socket in its folder, where none is asked for.
    const local = `postgres://postgres@/postgres?host=${encodeURIComponent(dir)}&port=${server.port}`;
    await runSql(local, `ALTER USER postgres PASSWORD ${quoted(password)}`).catch(async (error: unknown) => {
      await server.close();
      throw error;
    });
  }
  return {
    url,
    port: server.port,
    dir,
    get pid() {
      return server.pid;
    },
    kill: (signal) => server.kill(signal),
    stop: () => server.stop(),
    restart: () => server.restart(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    createDatabase: (name) => createDatabase(url, name),
    close: () => server.close(),
  };
}
