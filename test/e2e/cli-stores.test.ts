/** `runtime start` and `runtime status` in front of a real Redis and Postgres that go away. */
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Cli, runCli, startCli } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';
import { poll } from '../support/poll.ts';
import { type PostgresServer, type RedisServer, startPostgres, startRedis } from '../support/servers.ts';

const LONG = { timeout: 180_000 };
const COUNTER = `export function tick(ctx) {
  ctx.state.set('count', ctx.state.get('count', 0) + 1);
  ctx.log.info('count is ' + ctx.state.get('count'));
}`;

interface World {
  readonly cwd: string;
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
}

/** Servers of its own, and a folder with two workers on them. */
async function ownWorld(): Promise<World> {
  const [postgres, redis] = await Promise.all([
    startPostgres({ inMemory: true }),
    startRedis({ appendonly: 'always' }),
  ]);
  onTestFinished(async () => {
    await Promise.all([postgres.close(), redis.close()]);
  });
  const config = (data: string): string =>
    `data: ./${data}\nworkersFolder: ./w\ndefaults: {interval: 1s}\nstate: {checkpoint: 1s}\npostgres: {url: "${postgres.url}"}\nredis: {url: "${redis.url}"}\n`;
  const cwd = folderWith({
    'runtime.yaml': config('one'),
    'two.yaml': config('two'),
    'w/counter.js': COUNTER,
    'w/c2.js': COUNTER,
  });
  return { cwd, postgres, redis };
}

describe('the stop of a node', () => {
  test(
    'without Postgres ends with 4 and says that only Redis has what, and the next one goes on from there',
    LONG,
    async () => {
      const { cwd, postgres } = await ownWorld();
      const node = startCli(['start'], { cwd });
      await Promise.all([node.line(/c2 .*count is 2/), node.line(/counter .*count is 2/)]);
      await postgres.kill();
      await node.next(/counter .*count is/);
      node.process.kill('SIGINT');
      expect(await node.ended, node.lines.join('\n')).toBe(4);
      const output = node.lines.join('\n');
      expect(node.lines.at(-1)).toMatch(
        / stop +stopped, but not everything is stored: only Redis has the last changes of 2 workers \(c2, counter\): keep its data until Postgres is back, then start again/,
      );
      expect(output).not.toContain('every state is saved');
      expect(output).not.toContain('→ stopped');
      const counts = (name: string): number[] =>
        node.lines.flatMap((line) => new RegExp(`${name} .*count is (\\d+)`).exec(line)?.[1] ?? []).map(Number);
      await postgres.restart();
      const next = startCli(['start'], { cwd });
      await next.line(new RegExp(`counter .*count is ${Math.max(...counts('counter')) + 1}$`));
      next.process.kill('SIGINT');
      expect(await next.ended).toBe(0);
      expect(next.lines.at(-1)).toContain('stopped; every state is saved');
    },
  );

  test('in front of a Postgres that stands still ends soon after its grace', LONG, async () => {
    const { cwd, postgres } = await ownWorld();
    const node = startCli(['start'], { cwd });
    await Promise.all([node.line(/c2 .*count is 2/), node.line(/counter .*count is 2/)]);
    postgres.pause();
    onTestFinished(() => postgres.resume());
    const from = performance.now();
    node.process.kill('SIGTERM');
    expect(await node.ended, node.lines.join('\n')).toBe(4);
    // About 14 s, and what a busy machine may need: docs/operations.md has the parts.
    expect(performance.now() - from).toBeLessThan(18_000);
    expect(node.lines.at(-1)).toContain('only Redis has the last changes of 2 workers (c2, counter)');
  });

  test('without either ends with 4 and says that the very last changes may be lost', LONG, async () => {
    const { cwd, postgres, redis } = await ownWorld();
    const node = startCli(['start', '--json'], { cwd });
    await Promise.all([node.line(/c2.*count is 2/), node.line(/counter.*count is 2/)]);
    await Promise.all([postgres.kill(), redis.kill()]);
    await node.line(/"to":"paused"/);
    node.process.kill('SIGINT');
    expect(await node.ended, node.lines.join('\n')).toBe(4);
    const last = JSON.parse(node.lines.at(-1) ?? '') as { unsaved: { worker: string }[] };
    expect(last).toMatchObject({
      kind: 'stop',
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('no store has confirmed the very last changes of 2 workers'),
    });
    expect(last.unsaved.map(({ worker }) => worker).sort()).toEqual(['default/c2', 'default/counter']);
    expect(node.lines.join('\n')).not.toContain('"to":"stopped"');
  });
});

interface Status {
  readonly placement: string | null;
  readonly owner: { readonly pid: number } | null;
  readonly store: {
    readonly lag: { readonly sinceMs: number; readonly workers: number; readonly characters: number } | null;
    readonly lagSince: string | null;
  } | null;
  readonly workers: { readonly unwell: readonly { readonly worker: string; readonly reason: string }[] } | null;
}

async function statusOf(cwd: string, config = 'runtime.yaml'): Promise<Status> {
  const { code, stdout, output } = await runCli(['status', '--json', '-c', config], { cwd });
  expect(code, output).toBe(0);
  return JSON.parse(stdout) as Status;
}

async function bothTick(node: Cli): Promise<void> {
  await Promise.all([node.next(/c2 .*count is/), node.next(/counter .*count is/)]);
}

async function stop(node: Cli): Promise<void> {
  node.process.kill('SIGINT');
  expect(await node.ended, node.lines.join('\n')).toBe(0);
}

describe('runtime status', () => {
  test(
    'tells that a Postgres which stands still is behind, since when and by how much, before anything has failed',
    LONG,
    async () => {
      const { cwd, postgres } = await ownWorld();
      const node = startCli(['start'], { cwd });
      await bothTick(node);
      const well = await runCli(['status'], { cwd });
      expect(well.code, well.output).toBe(0);
      expect(well.stdout).toMatch(
        new RegExp(
          `^node +[\\w-]+, process ${node.process.pid} on .*\nplacement +held: .*\nstate +in Redis and Postgres, ack: redis\nstored +Postgres has everything but .*\ncells +1 \\(1 JavaScript, 0 Python\\), \\d+ MiB.*\nworkers +2: .*$`,
        ),
      );
      const frozenAt = Date.now();
      postgres.pause();
      const { store } = await poll(
        'the lag is told',
        async () => {
          const status = await statusOf(cwd);
          return status.store?.lag === null ? undefined : status;
        },
        { limitMs: 8_000 },
      );
      expect(store?.lag).toMatchObject({ workers: 2, characters: expect.any(Number) });
      expect(Math.abs(Date.parse(store?.lagSince ?? '') - frozenAt)).toBeLessThan(3_000);
      expect(node.lines.join('\n')).toContain('a checkpoint is overdue: Postgres has not answered');
      expect(node.lines.join('\n')).not.toContain('a checkpoint failed');
      expect((await runCli(['status'], { cwd })).stdout).toMatch(
        /^stored +Postgres lacks changes of 2 workers \(\d+ characters of keys and values\) since \d{4}-.*Z, for [\d.]+ s now: /m,
      );
      postgres.resume();
      await node.line(/Postgres answers again after [\d.]+ s; it lacked changes of up to 2 workers/);
      await poll('the lag is over', async () => (await statusOf(cwd)).store?.lag === null || undefined, {
        limitMs: 10_000,
      });
      await stop(node);
    },
  );

  test('and runtime state on the machine of a stand-by name the owner, until it takes over', LONG, async () => {
    const { cwd } = await ownWorld();
    const owner = startCli(['start'], { cwd });
    await bothTick(owner);
    const standby = startCli(['start', '-c', 'two.yaml'], { cwd });
    await standby.line(/standby/);
    const { pid } = owner.process;
    expect(await statusOf(cwd, 'two.yaml')).toMatchObject({ placement: 'standby', owner: { pid }, workers: null });
    expect((await runCli(['status', '-c', 'two.yaml'], { cwd })).stdout).toMatch(
      new RegExp(`^placement +standby: process ${pid} on .* runs the workers`, 'm'),
    );
    const refused = await runCli(['state', 'list', '-c', 'two.yaml'], { cwd });
    expect(refused.code).toBe(4);
    expect(refused.output).toMatch(new RegExp(`^runtime: Process ${pid} on .* run the command there`));
    expect(refused.output).not.toContain(`${standby.process.pid}`);
    expect(refused.output).not.toContain('hint');
    const taken = standby.next(/counter .*count is/);
    await stop(owner);
    await taken;
    expect(await statusOf(cwd, 'two.yaml')).toMatchObject({ placement: 'held', owner: null });
    expect((await runCli(['state', 'list', '-c', 'two.yaml'], { cwd })).code).toBe(0);
    await stop(standby);
  });

  test('lists workers that are not well with the reason, and says when no node runs', LONG, async () => {
    const { cwd, redis } = await ownWorld();
    const first = startCli(['start'], { cwd });
    await bothTick(first);
    await stop(first);
    const none = await runCli(['status'], { cwd });
    expect(none).toMatchObject({
      code: 2,
      output: expect.stringContaining('runtime: No node runs with the data folder one'),
    });
    const own = new Redis(redis.url);
    onTestFinished(() => own.disconnect());
    const [key = ''] = await own.keys('*w:default/c2');
    await own.hset(key, { '=count': '600' });
    await own.hdel(key, 's');
    await own.hset(key, { c: 'another' });
    const node = startCli(['start'], { cwd });
    await Promise.all([node.line(/c2 +error/), node.line(/counter .*count is/)]);
    const { workers } = await statusOf(cwd);
    expect(workers?.unwell).toEqual([
      { worker: 'default/c2', state: 'stopped', reason: expect.stringContaining('runtime state resolve default/c2') },
    ]);
    expect((await runCli(['status'], { cwd })).stdout).toMatch(/^ +c2 is stopped: Redis and Postgres disagree/m);
    expect(await runCli(['state', 'resolve', 'c2', '--take', 'redis'], { cwd })).toMatchObject({ code: 0 });
    expect((await runCli(['status'], { cwd })).stdout).toMatch(
      /^ +c2 is stopped: its state was settled, and it runs after the next start/m,
    );
    await stop(node);
  });

  test('lists a worker in a conflict of which Postgres knows nothing', LONG, async () => {
    const { cwd, redis } = await ownWorld();
    const own = new Redis(redis.url);
    onTestFinished(() => own.disconnect());
    await own.hset('tick-runtime:default:w:default/c2', { i: 'another', e: '1' });
    const node = startCli(['start'], { cwd });
    await node.line(/1 worker running, 1 cannot run/);
    const { stdout } = await runCli(['status'], { cwd });
    expect(stdout).toMatch(/^workers +2: /m);
    expect(stdout).toMatch(/^ +c2 is stopped: .*another/m);
    await stop(node);
  });
});
