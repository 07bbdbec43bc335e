/** The lease of a node group in a real Postgres: one owner at a time, whoever asks, and whatever happens to Postgres meanwhile. */
import { randomUUID } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { LeaseState, NodeInfo, RedisPlace } from '../../src/store/placement.ts';
import { PostgresLease } from '../../src/store/postgres/lease.ts';
import { migrate } from '../../src/store/postgres/migrations.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../src/store/postgres/postgres-state-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { poll } from '../support/poll.ts';
import { startProxy } from '../support/proxy.ts';
import { type SharedPostgres, sharedPostgres } from '../support/servers.ts';

const NODES = 10;
const ROUNDS = 200;
const never = new AbortController().signal;

let database: SharedPostgres;
let pools: readonly PostgresPool[];
beforeAll(async () => {
  database = await sharedPostgres();
  pools = Array.from({ length: NODES }, () => new PostgresPool({ url: database.url, poolSize: 1 }, () => undefined));
  await migrate(poolOf(0));
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.close()));
  await database.drop();
});

function poolOf(node: number): PostgresPool {
  const pool = pools[node];
  if (pool === undefined) throw new Error(`there is no node ${node}`);
  return pool;
}

const info = (): NodeInfo => ({ node: randomUUID(), host: 'test', pid: process.pid });

interface LeaseSettings {
  readonly node: number;
  readonly group: string;
  readonly ttlMs?: number;
  readonly clock?: FakeClock;
  readonly pool?: PostgresPool;
  readonly said?: string[];
  readonly redis?: RedisPlace | null;
}

function leaseOf(settings: LeaseSettings): PostgresLease {
  const { node, group, ttlMs = 60_000, clock, pool = poolOf(node), said = [], redis = null } = settings;
  const log = (level: string, message: string): number => said.push(`${level}: ${message}`);
  return new PostgresLease({ pool, clock: clock ?? systemClock, group, self: info(), redis, ttlMs, log });
}

test(`${NODES} nodes ask at once, ${ROUNDS} times: one owns the group each time, and all others are told who`, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const group = `round-${round % 20}`;
    const over = new AbortController();
    const waiting: (NodeInfo | null)[] = [];
    const leases = pools.map((_, node) => leaseOf({ node, group }));
    const owners: PostgresLease[] = [];
    const asked = leases.map((lease) =>
      lease
        .acquire(over.signal, (owner) => waiting.push(owner))
        .then(
          () => owners.push(lease),
          () => undefined,
        ),
    );
    await poll('all others wait', () => waiting.length === NODES - 1 || undefined, { everyMs: 1 });
    over.abort();
    await Promise.all(asked);
    expect(owners).toHaveLength(1);
    expect(leases.filter(({ state }) => state === 'held')).toEqual(owners);
    expect(new Set(waiting.map((owner) => owner?.node)).size).toBe(1);
    await owners[0]?.release();
  }
});

test('a node that waits takes over when the owner gives it back, and leaves nothing behind at the signal', async () => {
  const [owner, next] = [0, 1].map((node) => leaseOf({ node, group: 'turns', ttlMs: 600 }));
  await owner?.acquire(never, () => undefined);
  const { signal } = new AbortController();
  const told: unknown[] = [];
  const taken = next?.acquire(signal, (who) => told.push(who));
  await poll('it is told to wait', () => told.length > 0 || undefined);
  // It asks every 40 ms. Meanwhile the owner renews.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(next?.state).toBe('lost');
  expect(owner?.state).toBe('held');
  expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
  expect(told).toHaveLength(1);
  const from = performance.now();
  await owner?.release();
  await taken;
  expect(performance.now() - from).toBeLessThan(1_000);
  expect([owner?.state, next?.state]).toEqual(['lost', 'held']);
  await next?.release();
});

test('a node that waits outlives an outage of Postgres, one that never reached it does not wait', async () => {
  const { hostname, port } = new URL(database.url);
  const proxy = await startProxy({ host: hostname, port: Number(port) });
  onTestFinished(() => proxy.close());
  const pool = new PostgresPool({ url: proxy.rewrite(database.url), poolSize: 1 }, () => undefined);
  onTestFinished(() => pool.close());
  const owner = leaseOf({ node: 0, group: 'outage', ttlMs: 600 });
  await owner.acquire(never, () => undefined);
  const said: string[] = [];
  const next = leaseOf({ node: 1, group: 'outage', ttlMs: 600, pool, said });
  const told: unknown[] = [];
  const taken = next.acquire(never, (who) => told.push(who));
  await poll('it is told to wait', () => told.length > 0 || undefined);
  await proxy.cut();
  await poll('it says so', () => said.length > 0 || undefined);
  const other = leaseOf({ node: 1, group: 'outage', pool });
  await expect(other.acquire(never, () => undefined)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await owner.release();
  await proxy.heal();
  await taken;
  expect(said).toEqual([expect.stringMatching(/^warn: standing by without Postgres: /)]);
  await next.release();
});

test('an owner that stood still is unsure until it renewed, and lost when another one was faster', async () => {
  const clock = new FakeClock();
  const owner = leaseOf({ node: 0, group: 'still', ttlMs: 300, clock });
  const states: LeaseState[] = [];
  owner.watch((state) => states.push(state));
  await owner.acquire(never, () => undefined);
  const guarded = new PostgresStateStore({ pool: poolOf(2), group: 'still', lease: owner });
  await guarded.claim('default/w');
  expect(owner.leftMs).toBe(300);
  clock.stall(300);
  expect([owner.state, owner.leftMs]).toEqual(['unsure', 0]);
  clock.advance(0);
  clock.advance(20);
  await poll('it renews', () => owner.state === 'held' || undefined);
  // In the time of Postgres it runs out while this node stands still, and another one takes it.
  const other = leaseOf({ node: 1, group: 'still', ttlMs: 60_000 });
  await other.acquire(never, () => undefined);
  // It cannot know yet whether the lease only has to be renewed.
  await expect(guarded.claim('default/w')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect(owner.state).toBe('held');
  clock.stall(10_000);
  expect(owner.state).toBe('unsure');
  clock.advance(20);
  await poll('it learns that', () => owner.state === 'lost' || undefined);
  await expect(guarded.claim('default/w')).rejects.toMatchObject({ code: 'FENCED' });
  expect(states.at(-1)).toBe('lost');
  await owner.release();
  expect(other.state).toBe('held');
  await other.release();
});

const A = { prefix: 'a', where: 'redis://one:6379' };
const B = { prefix: 'b', where: 'redis://one:6379' };
const settings = [
  ['another prefix', A, B],
  ['no Redis, where the owner has one', A, null],
] as const;

for (const [what, theirs, ours] of settings)
  test(`a node with ${what} neither stands by nor takes over, until the lease was given back`, async () => {
    const group = `setting-${randomUUID()}`;
    const owner = leaseOf({ node: 0, group, redis: theirs });
    await owner.acquire(never, () => undefined);
    const told: unknown[] = [];
    const next = leaseOf({ node: 1, group, redis: ours });
    const refused = { code: 'STORE_UNUSABLE', message: expect.stringMatching(`process ${process.pid} on test`) };
    await expect(next.acquire(never, (who) => told.push(who))).rejects.toMatchObject(refused);
    // As after a kill -9.
    await poolOf(2).query('expire', `UPDATE tick_runtime.leases SET expires_at = now() WHERE node_group = $1`, [group]);
    await expect(next.acquire(never, (who) => told.push(who))).rejects.toMatchObject(refused);
    expect([told, next.state, owner.state]).toEqual([[], 'lost', 'held']);
    await owner.release();
    await next.acquire(never, (who) => told.push(who));
    expect([told, next.state]).toEqual([[], 'held']);
    await next.release();
  });

test('a node with Redis takes over from one that had none: Postgres has everything', async () => {
  const group = 'setting-without';
  const owner = leaseOf({ node: 0, group, redis: null });
  await owner.acquire(never, () => undefined);
  await poolOf(2).query('expire', `UPDATE tick_runtime.leases SET expires_at = now() WHERE node_group = $1`, [group]);
  const next = leaseOf({ node: 1, group, redis: B });
  await next.acquire(never, () => undefined);
  expect(next.state).toBe('held');
  await next.release();
});

test('a node that stands by ends when one with another prefix becomes the owner', async () => {
  const group = 'setting-later';
  const owner = leaseOf({ node: 0, group, redis: A });
  await owner.acquire(never, () => undefined);
  const told: unknown[] = [];
  const waiting = leaseOf({ node: 1, group, redis: A, ttlMs: 600 });
  const taken = expect(waiting.acquire(never, (who) => told.push(who))).rejects.toMatchObject({
    code: 'STORE_UNUSABLE',
  });
  await poll('it is told to wait', () => told.length > 0 || undefined);
  expect(told).toEqual([{ node: expect.any(String), host: 'test', pid: process.pid }]);
  await poolOf(2).query(
    'other',
    `UPDATE tick_runtime.leases SET about = jsonb_set(about, '{redis,prefix}', '"b"') WHERE node_group = $1`,
    [group],
  );
  await taken;
  await owner.release();
});

test('the same prefix at another address is a warning, standing by and taking over', async () => {
  const group = 'setting-where';
  const owner = leaseOf({ node: 0, group, redis: A });
  await owner.acquire(never, () => undefined);
  const said: string[] = [];
  const told: unknown[] = [];
  const redis = { ...A, where: 'redis://two:6379' };
  const next = leaseOf({ node: 1, group, redis, ttlMs: 600, said });
  const taken = next.acquire(never, (who) => told.push(who));
  await poll('it is told to wait', () => told.length > 0 || undefined);
  await poolOf(2).query('expire', `UPDATE tick_runtime.leases SET expires_at = now() WHERE node_group = $1`, [group]);
  await taken;
  const warning = expect.stringMatching(
    /^warn: process \d+ on test has its Redis at redis:\/\/one:6379, this node at /,
  );
  expect(said).toEqual([warning]);
  await poolOf(2).query('expire', `UPDATE tick_runtime.leases SET expires_at = now() WHERE node_group = $1`, [group]);
  const last = leaseOf({ node: 2, group, redis: A, said });
  await last.acquire(never, () => undefined);
  expect(said).toHaveLength(2);
  await last.release();
});

test('a row of an earlier release, which tells nothing of Redis, may be taken with any setting', async () => {
  const group = 'setting-none';
  const owner = leaseOf({ node: 0, group, redis: A });
  await owner.acquire(never, () => undefined);
  await poolOf(2).query(
    'older',
    `UPDATE tick_runtime.leases SET about = about - 'redis', expires_at = now() WHERE node_group = $1`,
    [group],
  );
  const next = leaseOf({ node: 1, group, redis: B });
  await next.acquire(never, () => undefined);
  expect(next.state).toBe('held');
  await next.release();
});

test('a lease that runs for longer than any because the clock was put back is told once, with the way out', async () => {
  const group = 'put-back';
  const owner = leaseOf({ node: 0, group });
  await owner.acquire(never, () => undefined);
  const move = (by: string): Promise<unknown> =>
    poolOf(2).query('move', `UPDATE tick_runtime.leases SET expires_at = now() + $2::interval WHERE node_group = $1`, [
      group,
      by,
    ]);
  await move('9 minutes');
  const said: string[] = [];
  let waits = 0;
  const next = leaseOf({ node: 1, group, ttlMs: 300, said });
  const taken = next.acquire(never, () => {
    waits += 1;
  });
  await poll('it is told to wait', () => waits > 0 || undefined);
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 600));
  await pause();
  expect(said).toEqual([]);
  await move('1 hour');
  await poll('it says so', () => said.length > 0 || undefined);
  await pause();
  expect(said).toEqual([expect.stringMatching(/^warn: the lease of process \d+ on test runs until 20\d\d-/)]);
  const [, statement = ''] = /If that node does not run any more: (.+)$/.exec(said[0] ?? '') ?? [];
  await poolOf(2).query('free', statement, []);
  await taken;
  expect(next.state).toBe('held');
  await next.release();
});
