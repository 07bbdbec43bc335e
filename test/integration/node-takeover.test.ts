/** Several nodes of one group: who runs the workers when one ends, is killed, or is frozen and wakes up. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createRuntime, migratePostgres, type Runtime } from '../../src/index.ts';
import type { RuntimeOptions } from '../../src/runtime.ts';
import { type Cli, startCli } from '../support/cli.ts';
import { COUNTER } from '../support/counter.ts';
import { FAST, shareCache, workerOf } from '../support/engine.ts';
import { folderWith } from '../support/folder.ts';
import { poll } from '../support/poll.ts';
import { type RedisServer, type SharedPostgres, sharedPostgres, startRedis } from '../support/servers.ts';

const LEASE_MS = 2_000;

let database: SharedPostgres;
let redis: RedisServer;
beforeAll(async () => {
  [database, redis] = await Promise.all([sharedPostgres(), startRedis()]);
});
afterAll(() => Promise.all([database.drop(), redis.close()]));

interface Group {
  readonly schema: string;
  readonly prefix: string;
}

const newGroup = (): Group => {
  const name = `g${randomUUID().slice(0, 8)}`;
  return { schema: name, prefix: name };
};

function optionsOf({ schema, prefix }: Group): Partial<RuntimeOptions> {
  return {
    postgres: { url: database.url, schema },
    redis: { url: redis.url, prefix },
    state: { checkpointMs: 100 },
    placement: { leaseMs: LEASE_MS },
  };
}

interface Node {
  readonly runtime: Runtime;
  /** States of its lease, in order. */
  readonly placements: string[];
  /** What was acknowledged of `n`, in order. */
  readonly counted: number[];
  readonly started: Promise<void>;
}

/** In this process; it may have to stand by first. */
function startNode(group: Group): Node {
  const dataDir = folderWith();
  shareCache(dataDir);
  const runtime = createRuntime({ ...optionsOf(group), dataDir, minIntervalMs: 10 });
  const placements: string[] = [];
  const counted: number[] = [];
  runtime.on('placement', ({ state }) => placements.push(state));
  runtime.on('state', ({ changes }) => counted.push(...changes.map(({ json }) => Number(json))));
  onTestFinished(() => runtime.stop({ graceMs: 2_000 }));
  const start = async (): Promise<void> => {
    await runtime.start();
    // Code comes from whoever starts the node, life and state from the stores.
    const { desired } = await runtime.deploy(workerOf('w', COUNTER, FAST));
    if (desired === 'stopped') await runtime.startWorker('w');
  };
  return { runtime, placements, counted, started: start() };
}

/** A node of its own process, which a test can freeze and kill. */
function startProcess({ schema, prefix }: Group): Cli {
  const folder = folderWith({
    'w.js': COUNTER,
    'runtime.yaml': `
schedule: { minInterval: 20ms }
postgres: { url: "${database.url}", schema: ${schema} }
redis: { url: "${redis.url}", prefix: ${prefix} }
state: { checkpoint: 100ms }
placement: { lease: ${LEASE_MS}ms }
workers:
  - { file: w.js, interval: 50ms }
`,
  });
  return startCli(['start', '--json', '--config', 'runtime.yaml'], { cwd: folder });
}

/** What a process said was acknowledged. */
function countedBy(cli: Cli): readonly number[] {
  return cli.stdout.flatMap((line) => {
    if (!line.includes('"kind":"state"')) return [];
    const { changes } = JSON.parse(line) as {
      readonly changes: readonly { readonly json?: string; readonly value?: unknown }[];
    };
    return changes.map(({ json, value }) => Number(json ?? value));
  });
}

/** As another node does when it has waited for long enough. */
async function takeLease({ schema }: Group): Promise<void> {
  const client = new Client(database.url);
  await client.connect();
  await client.query(
    `UPDATE "${schema}".leases SET epoch = epoch + 1, holder = 'other', expires_at = clock_timestamp() + interval '1 hour'`,
  );
  await client.end();
}

const follows = (numbers: readonly number[]): boolean =>
  numbers.every((n, at) => at === 0 || n === (numbers[at - 1] ?? 0) + 1);

describe('a second node of the group', () => {
  test('stands by, and takes over soon after the first one ended in order', { timeout: 60_000 }, async () => {
    const group = newGroup();
    const first = startNode(group);
    await first.started;
    await poll('it counts', () => first.counted.length > 5 || undefined);
    const second = startNode(group);
    await poll('the second one stands by', () => second.placements.includes('standby') || undefined);
    expect(first.placements).toEqual(['held']);
    await first.runtime.stop({ graceMs: 2_000 });
    const from = performance.now();
    await poll('the second one counts', () => second.counted.length > 5 || undefined);
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(second.placements).toEqual(['standby', 'held']);
    expect(follows([...first.counted, ...second.counted])).toBe(true);
  });

  test('can be ended while it stands by', async () => {
    const group = newGroup();
    const first = startNode(group);
    await first.started;
    const second = startNode(group);
    const ended = expect(second.started).rejects.toMatchObject({ code: 'STOPPED' });
    await poll('it stands by', () => second.placements.includes('standby') || undefined);
    await second.runtime.stop();
    await ended;
  });

  test('takes over when the lease of one that was killed has run out, and nothing acknowledged is lost', {
    timeout: 60_000,
  }, async () => {
    const group = newGroup();
    const first = startProcess(group);
    await poll('it counts', () => countedBy(first).length > 5 || undefined, { limitMs: 20_000 });
    const second = startNode(group);
    await poll('the second one stands by', () => second.placements.includes('standby') || undefined);
    first.process.kill('SIGKILL');
    await first.ended;
    const from = performance.now();
    await second.started;
    expect(performance.now() - from).toBeLessThan(LEASE_MS + 3_000);
    await poll('the second one counts', () => second.counted.length > 5 || undefined);
    // The last tick may have been stored and not told.
    const [last = 0, next = 0] = [countedBy(first).at(-1), second.counted[0]];
    expect(next).toBeGreaterThan(last);
    expect(next).toBeLessThanOrEqual(last + 2);
    expect(follows(second.counted)).toBe(true);
  });

  test('is refused with another prefix, and without Redis, until the setting was changed in order', {
    timeout: 60_000,
  }, async () => {
    const group = newGroup();
    const changed = { ...group, prefix: `${group.prefix}-new` };
    const first = startProcess(group);
    await poll('it counts', () => countedBy(first).length > 5 || undefined, { limitMs: 20_000 });
    const said = `Node group default belongs to process ${first.process.pid} on `;
    const second = startProcess(changed);
    expect(await second.ended, second.lines.join('\n')).toBe(4);
    expect(second.lines.filter((line) => line.includes(said))).toHaveLength(1);
    expect(second.lines.join('\n')).toContain(
      `which has redis.prefix ${group.prefix} at ${redis.url}; this node has redis.prefix ${changed.prefix} at `,
    );
    first.process.kill('SIGKILL');
    await first.ended;
    const withoutRedis = createRuntime({
      dataDir: folderWith(),
      postgres: { url: database.url, schema: group.schema },
      placement: { leaseMs: LEASE_MS },
    });
    onTestFinished(() => withoutRedis.stop());
    await expect(withoutRedis.start()).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
    // Its lease has run out.
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS));
    await expect(startNode(changed).started).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
    // A command has the lease for a moment, and brings no worker up to Redis.
    const config = `postgres: { url: "${database.url}", schema: ${group.schema} }
redis: { url: "${redis.url}", prefix: ${group.prefix} }
workers: [{ file: w.js }]
`;
    const command = startCli(['state', 'list'], { cwd: folderWith({ 'w.js': COUNTER, 'runtime.yaml': config }) });
    expect(await command.ended, command.lines.join('\n')).toBe(0);
    await expect(startNode(changed).started).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
    const again = startNode(group);
    await poll('it goes on', () => again.counted.length > 5 || undefined, { limitMs: 20_000 });
    await again.runtime.stop({ graceMs: 2_000 });
    const last = startNode(changed);
    await poll('it goes on with the new prefix', () => last.counted.length > 5 || undefined, { limitMs: 20_000 });
    expect(last.placements).toEqual(['held']);
    expect(again.counted[0]).toBeGreaterThan(countedBy(first).at(-1) ?? 0);
    expect(follows([...again.counted, ...last.counted])).toBe(true);
  });

  for (const emptied of [false, true])
    test(`takes over from one that was frozen, which can change nothing when it wakes${emptied ? ', also of an emptied Redis' : ''}`, {
      timeout: 60_000,
    }, async () => {
      const group = newGroup();
      const first = startProcess(group);
      await poll('it counts', () => countedBy(first).length > 5 || undefined, { limitMs: 20_000 });
      const second = startNode(group);
      await poll('the second one stands by', () => second.placements.includes('standby') || undefined);
      first.process.kill('SIGSTOP');
      await second.started;
      await poll('the second one counts', () => second.counted.length > 5 || undefined);
      if (emptied) {
        const own = new Redis(redis.url);
        await own.flushall();
        own.disconnect();
      }
      first.process.kill('SIGCONT');
      expect(await first.ended).toBe(6);
      expect(first.lines.join('\n')).toContain('another node took the workers over');
      const counted = second.counted.length;
      await poll('the second one goes on', () => second.counted.length > counted + 5 || undefined);
      expect(follows(second.counted)).toBe(true);
      await second.runtime.stopWorker('w');
      expect(await second.runtime.readState('w')).toEqual({ n: second.counted.at(-1) });
      expect(Math.max(...countedBy(first))).toBeLessThan(second.counted[0] ?? 0);
    });

  test('leaves the workers of the first one stopped there, with the reason: nothing of theirs has failed', async () => {
    const group = newGroup();
    const { runtime, started, counted } = startNode(group);
    const states: string[] = [];
    runtime.on('worker', ({ to }) => states.push(to));
    await started;
    await poll('it counts', () => counted.length > 5 || undefined);
    await takeLease(group);
    await poll(
      'it has ended',
      () => !['waiting', 'ticking', 'stopping'].includes(runtime.worker('w').state) || undefined,
    );
    expect(runtime.worker('w')).toMatchObject({
      state: 'stopped',
      desired: 'running',
      reason: 'This node was stopped: another node took over.',
    });
    expect(states).not.toContain('failed');
    await expect(runtime.startWorker('w')).rejects.toMatchObject({ code: 'FENCED' });
  });

  test('waits no longer than a few seconds for a `runtime state` that was killed', { timeout: 60_000 }, async () => {
    const group = newGroup();
    const client = await lockWorkers(group.schema, 'ACCESS EXCLUSIVE');
    const config = `postgres: { url: "${database.url}", schema: ${group.schema} }\nworkers: [{ file: w.js }]\n`;
    const cwd = folderWith({ 'w.js': COUNTER, 'runtime.yaml': config });
    const command = startCli(['state', 'list'], { cwd });
    const leftMs = await poll(
      'it has the lease',
      async () => {
        const { rows } = await client.query<{ left: string }>(
          `SELECT extract(epoch FROM expires_at - clock_timestamp()) * 1000 AS left FROM "${group.schema}".leases`,
        );
        return rows[0]?.left;
      },
      { limitMs: 20_000 },
    );
    command.process.kill('SIGKILL');
    await command.ended;
    expect(Number(leftMs)).toBeLessThan(5_000);
  });

  test('ends the start of one whose lease was lost while it deployed its workers', { timeout: 60_000 }, async () => {
    const group = newGroup();
    // They can be listed and not claimed.
    const client = await lockWorkers(group.schema, 'SHARE');
    const first = startProcess(group);
    await poll(
      'it deploys',
      async () => {
        const { rowCount } = await client.query(
          `SELECT FROM pg_locks WHERE NOT granted AND relation = '"${group.schema}".workers'::regclass`,
        );
        return (rowCount ?? 0) > 0 || undefined;
      },
      { limitMs: 20_000 },
    );
    await takeLease(group);
    expect(await first.ended, first.lines.join('\n')).toBe(6);
    const said = first.lines.join('\n');
    expect(said).toContain('another node took the workers over');
    expect(said).not.toContain('Ctrl-C stops');
    expect(said).not.toContain('cannot run');
  });
});

/** All tables are there, and that of the workers is locked until this connection ends. */
async function lockWorkers(schema: string, mode: 'SHARE' | 'ACCESS EXCLUSIVE'): Promise<Client> {
  await migratePostgres({ url: database.url, schema }, { checkOnly: false });
  const client = new Client(database.url);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('BEGIN');
  await client.query(`LOCK TABLE "${schema}".workers IN ${mode} MODE`);
  return client;
}
