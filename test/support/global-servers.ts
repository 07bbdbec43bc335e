/**
 * Vitest's global setup: one Redis and one Postgres for all test files of a run. Where one cannot be started, only the tests
 * that ask for it fail.
 */
import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres-server.ts';
import { startRedis } from './redis-server.ts';
import type { SharedServer } from './servers.ts';

interface Closeable {
  readonly url: string;
  close(): Promise<void>;
}

async function share(start: () => Promise<Closeable>, open: Closeable[]): Promise<SharedServer> {
  try {
    const server = await start();
    open.push(server);
    return { kind: 'running', url: server.url };
  } catch (error) {
    return { kind: 'missing', problem: (error as Error).message };
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const open: Closeable[] = [];
  // Nothing of them has to survive: no test may kill these two.
  const fast = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
  const [redis, postgres] = await Promise.all([
    share(() => startRedis(), open),
    share(() => startPostgres({ inMemory: true, settings: fast }), open),
  ]);
  project.provide('redis', redis);
  project.provide('postgres', postgres);
  return async () => {
    await Promise.all(open.map((server) => server.close()));
  };
}
