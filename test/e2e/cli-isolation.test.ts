/** From the configuration file to processes: which workers share a cell, and what the system holds cells with. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Cli, runCli, startCli } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';

const LONG = { timeout: 120_000 };
const TICK = 'export function tick(ctx) { ctx.log.info("tick"); }';
const NAMES = ['a', 'b', 'c'];

interface Cells {
  readonly javascript: number;
  readonly jails: Readonly<Record<string, number>>;
}

async function cellsOf(cwd: string): Promise<Cells> {
  return (JSON.parse((await runCli(['status', '--json'], { cwd })).stdout) as { cells: Cells }).cells;
}

async function start(cwd: string, config: string): Promise<Cli> {
  writeFileSync(join(cwd, 'runtime.yaml'), config);
  const node = startCli(['start'], { cwd });
  await Promise.all(NAMES.map((name) => node.line(new RegExp(`${name} .*tick`))));
  return node;
}

async function stop(cli: Cli): Promise<void> {
  cli.process.kill('SIGINT');
  expect(await cli.ended, cli.lines.join('\n')).toBe(0);
}

test('isolation and jail hold as the file says, and from the next start on as it says then', LONG, async () => {
  const cwd = folderWith(Object.fromEntries(NAMES.map((name) => [`${name}.js`, TICK])));
  const workers = 'workers: [{file: a.js, isolation: dedicated}, {file: b.js}, {file: c.js}]';
  const first = await start(cwd, `defaults: {interval: 1s}\nsandbox: {jail: off}\n${workers}`);
  expect(await cellsOf(cwd)).toMatchObject({ javascript: 2, jails: { bubblewrap: 0, namespaces: 0, process: 2 } });
  expect((await runCli(['status'], { cwd })).stdout).toMatch(/^cells .*, without a wall of the system$/m);
  await stop(first);
  const second = await start(cwd, `defaults: {interval: 1s, isolation: dedicated}\n${workers}`);
  const { javascript, jails } = await cellsOf(cwd);
  expect(javascript).toBe(3);
  // Which one it is depends on the machine; jail.test.ts has them one by one.
  expect(Object.values(jails).sort()).toEqual([0, 0, 3]);
  await stop(second);
});

test('jail required and none to be had: the start is refused, and says what to install', LONG, async () => {
  const cwd = folderWith({ 'runtime.yaml': 'sandbox: {jail: required}\nworkers: [{file: a.js}]', 'a.js': TICK });
  const { code, output } = await runCli(['start'], { cwd, env: { PATH: '' } });
  expect(code).toBe(3);
  expect(output).toMatch(/JAIL_UNAVAILABLE|sandbox\.jail is required/);
  expect(output).toContain('install bubblewrap');
});
