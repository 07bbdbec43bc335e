/** What the stores hold, read past the proxies and past the code under test. */
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { checksumOf } from '../../../src/core/checksum.ts';
import type { World } from './world.ts';

export interface Copy {
  readonly epoch: string;
  readonly revision: string;
  readonly commitId: string;
  readonly checksum: string;
  readonly entries: ReadonlyMap<string, string>;
}

/** Of nodes that name none. */
const GROUP = 'default';

export type Copies = ReadonlyMap<string, Copy>;

/** One statement, one snapshot. */
export async function readPostgres(world: World): Promise<Copies> {
  const { postgres, generation } = world;
  if (postgres === null) return new Map();
  const client = new Client(postgres.server.url);
  await client.connect();
  try {
    const { rows } = await client.query(
      `SELECT worker, epoch, revision, commit_id, checksum,
              (SELECT coalesce(json_agg(json_build_array(key, json)), '[]') FROM "${generation}".state s WHERE s.worker = w.id) AS entries
         FROM "${generation}".workers w`,
    );
    return new Map(
      rows.map((row) => [
        row.worker as string,
        {
          epoch: row.epoch as string,
          revision: row.revision as string,
          commitId: (row.commit_id ?? '') as string,
          checksum: (row.checksum ?? '') as string,
          entries: new Map(row.entries as [string, string][]),
        },
      ]),
    );
  } finally {
    await client.end();
  }
}

export async function readRedis(world: World): Promise<Copies> {
  const { redis, generation, oracle } = world;
  if (redis === null) return new Map();
  return withRedis(world, async (client) => {
    const found = new Map<string, Copy>();
    for (const worker of oracle.names) {
      const hash = await client.hgetall(keyOf(generation, worker));
      if (hash['r'] === undefined) continue;
      const entries = Object.entries(hash).filter(([field]) => field.startsWith('='));
      found.set(worker, {
        epoch: hash['e'] ?? '',
        revision: hash['r'],
        commitId: hash['c'] ?? '',
        checksum: hash['s'] ?? '',
        entries: new Map(entries.map(([field, json]) => [field.slice(1), json])),
      });
    }
    return found;
  });
}

export async function flushRedis(world: World): Promise<void> {
  await withRedis(world, (client) => client.flushall());
}

/** Changes the count of a worker in one of its copies, as a disk might; the checksum stays. */
export async function damage(world: World, which: 'redis' | 'postgres', worker: string): Promise<void> {
  const { generation, postgres } = world;
  if (which === 'redis') {
    await withRedis(world, (client) => client.hset(keyOf(generation, worker), '=n', '1'));
    return;
  }
  const client = new Client(postgres?.server.url);
  await client.connect();
  await client.query(
    `UPDATE "${generation}".state s SET json = '1' FROM "${generation}".workers w WHERE s.worker = w.id AND w.worker = $1 AND s.key = 'n'`,
    [worker],
  );
  await client.end();
}

const keyOf = (generation: string, worker: string): string => `${generation}:${GROUP}:w:${worker}`;

async function withRedis<T>({ redis }: World, work: (client: Redis) => Promise<T>): Promise<T> {
  if (redis === null) throw new Error('there is no Redis');
  const client = new Redis(redis.server.url);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** What is wrong with one copy by itself; null where nothing is. */
export function problemOf({ checksum, entries }: Copy): string | null {
  const actual = checksumOf(entries);
  return checksum === '' || checksum === actual ? null : `its checksum is ${checksum}, its entries sum up to ${actual}`;
}

/** What tells two copies of a worker apart; null where nothing does. */
export function differenceOf(a: Copy, b: Copy): string | null {
  for (const key of ['revision', 'commitId', 'checksum'] as const)
    if (a[key] !== b[key]) return `${key} ${a[key]} and ${b[key]}`;
  for (const key of new Set([...a.entries.keys(), ...b.entries.keys()]))
    if (a.entries.get(key) !== b.entries.get(key)) return `the value of ${key}`;
  return null;
}

export function countOf(copy: Copy | undefined): number {
  const json = copy?.entries.get('n');
  return json === undefined ? 0 : Number(JSON.parse(json));
}
