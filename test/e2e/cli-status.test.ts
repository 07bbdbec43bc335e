/** What `runtime status` says of workers that cannot run, and of a node that does not answer. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Cli, runCli, startCli } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';

const LONG = { timeout: 120_000 };
const COUNTER = `export function tick(ctx) { ctx.log.info('tick'); }`;
const BROKEN = 'export function tick(ctx) {';
const CONFIG = 'defaults: {interval: 1s}\nworkersFolder: ./w\n';

async function stop(cli: Cli): Promise<void> {
  cli.process.kill('SIGINT');
  expect(await cli.ended, cli.lines.join('\n')).toBe(0);
}

test('workers whose code cannot be read are invalid, new ones and those that ran before', LONG, async () => {
  const cwd = folderWith({ 'runtime.yaml': CONFIG, 'w/ok.js': COUNTER, 'w/two.js': COUNTER });
  const first = startCli(['start'], { cwd });
  await Promise.all([first.line(/ok .*tick/), first.line(/two .*tick/)]);
  await stop(first);
  for (const name of ['two', 'inv']) writeFileSync(join(cwd, `w/${name}.js`), BROKEN);
  const node = startCli(['start'], { cwd });
  await node.line(/1 worker running, 2 cannot run/);
  const { code, stdout } = await runCli(['status'], { cwd });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^workers +3: 2 invalid, 1 \w+$/m);
  for (const name of ['inv', 'two'])
    expect(stdout).toMatch(new RegExp(`^ +${name} is invalid: w/${name}\\.js:\\d+:\\d+: Unexpected end of file`, 'm'));
  const { workers } = JSON.parse((await runCli(['status', '--json'], { cwd })).stdout) as {
    workers: { unwell: readonly { worker: string; state: string }[] };
  };
  expect(workers).toMatchObject({ total: 3, states: { invalid: 2 }, unwellTotal: 2 });
  expect(workers.unwell.map(({ worker, state }) => [worker, state])).toEqual(
    expect.arrayContaining([
      ['default/inv', 'invalid'],
      ['default/two', 'invalid'],
    ]),
  );
  // A name without a state has none to show.
  expect((await runCli(['state', 'list'], { cwd })).stdout).not.toContain('inv');
  await stop(node);
});

test('a node that stands still is not one that does not run', LONG, async () => {
  const cwd = folderWith({ 'runtime.yaml': CONFIG, 'w/ok.js': COUNTER });
  const node = startCli(['start'], { cwd });
  await node.line(/ok .*tick/);
  node.process.kill('SIGSTOP');
  expect(await runCli(['status'], { cwd })).toMatchObject({
    code: 4,
    output: expect.stringContaining('did not answer within 5 s'),
  });
  node.process.kill('SIGCONT');
  await stop(node);
});
