/** `runtime start` and `runtime status` in front of a real Redis and Postgres that go away. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { startCli } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';
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
    `data: ./${data}\nworkersFolder: ./w\ndefaults: {interval: 1s}\npostgres: {url: "${postgres.url}"}\nredis: {url: "${redis.url}"}\n`;
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

  test('without either ends with 4 and says that the very last changes may be lost', LONG, async () => {
    const { cwd, postgres, redis } = await ownWorld();
    const node = startCli(['start', '--json'], { cwd });
    await Promise.all([node.line(/c2.*count is 2/), node.line(/counter.*count is 2/)]);
    await Promise.all([postgres.kill(), redis.kill()]);
    await node.next(/"to":"paused"/);
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
