import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Cli, RUNTIME, startCli } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';

const COUNTER = `
export function setup(ctx) { ctx.log.info('setup ran'); }
export function tick(ctx) {
  const count = ctx.state.get('count', 0) + 1;
  ctx.state.set('count', count);
  ctx.log.info('count is ' + count);
}
`;
const CONFIG = 'defaults: {interval: 1s}\nworkersFolder: ./w\n';
const ONE = { 'runtime.yaml': CONFIG, 'w/counter.js': COUNTER };

async function stop(cli: Cli, signal: NodeJS.Signals = 'SIGINT'): Promise<number | string> {
  cli.process.kill(signal);
  return cli.ended;
}

function lastCount(cli: Cli): number {
  const counts = cli.lines.flatMap((line) => /count is (\d+)/.exec(line)?.[1] ?? []);
  return Math.max(...counts.map(Number));
}

describe('runtime start', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('shows what happens and ends in order on %s', async (signal) => {
    const cli = startCli(['start'], { cwd: folderWith(ONE) });
    await cli.line(/counter +tick +#2 ok/);
    expect(await stop(cli, signal)).toBe(0);
    const output = cli.lines.join('\n');
    expect(output).toMatch(/^ {2}data +\.runtime$/m);
    for (const part of [
      /counter +info +count is 1/,
      /counter +state +count = 1/,
      /cell \d+ +cell +ready/,
      /1 worker running/,
    ]) {
      expect(output).toMatch(part);
    }
    expect(output).toMatch(/stopped; every state is saved$/);
  });

  test('goes on from the saved state, without another setup', async () => {
    const cwd = folderWith(ONE);
    const first = startCli(['start'], { cwd });
    await first.line(/count is 2/);
    await stop(first);
    const second = startCli(['start'], { cwd });
    await second.line(new RegExp(`count is ${lastCount(first) + 1}$`));
    await stop(second);
    expect(second.lines.join('\n')).not.toContain('setup ran');
    expect(first.lines.join('\n')).toContain('setup ran');
  });

  test('runs all other workers when one cannot, and names its problem', async () => {
    const cwd = folderWith({ ...ONE, 'w/broken.ts': 'export function tick( {\n' });
    const cli = startCli(['start'], { cwd });
    await cli.line(/broken +error +cannot run: w\/broken\.ts:\d+:\d+: /);
    await cli.line(/counter +tick +#1 ok/);
    expect(await stop(cli)).toBe(0);
  });

  test('stops what is no longer configured, keeps what is not enabled from running', async () => {
    const cwd = folderWith({ ...ONE, 'w/other.js': COUNTER });
    const first = startCli(['start'], { cwd });
    await Promise.all([first.line(/counter +tick +#1 ok/), first.line(/other +tick +#1 ok/)]);
    await stop(first);
    writeFileSync(join(cwd, 'second.yaml'), 'workers: [{file: w/counter.js, enabled: false}]\n');
    const second = startCli(['start', '--config', 'second.yaml'], { cwd });
    await second.line(/0 workers running/);
    await stop(second);
    const output = second.lines.join('\n');
    expect(output).toMatch(/other +worker +is no longer in the configuration/);
    expect(output).toMatch(/counter +worker +is not enabled/);
    expect(output).not.toContain('count is');
  });

  test('leaves a failed worker alone until it is asked to start it again', async () => {
    const cwd = folderWith({
      'runtime.yaml': 'workers: [{file: bad.js, interval: 1s, maxErrors: 1}]\n',
      'bad.js': 'export function tick() { throw new Error("no luck"); }\n',
    });
    const first = startCli(['start'], { cwd });
    await first.line(/bad +worker +.*→ failed/);
    await stop(first);
    const second = startCli(['start'], { cwd });
    await second.line(/bad +worker +is failed since an earlier start.*--restart-failed/);
    await second.line(/0 workers running, 1 failed earlier/);
    await stop(second);
    const third = startCli(['start', '--restart-failed'], { cwd });
    await third.line(/bad +tick +#\d+ error .*no luck/);
    expect(await stop(third)).toBe(0);
  });

  test('tells programs everything as JSON lines', async () => {
    const cli = startCli(['start', '--json'], { cwd: folderWith(ONE) });
    await cli.line(/"kind":"tick".*"tick":2/);
    expect(await stop(cli)).toBe(0);
    const events = cli.stdout.map((line) => JSON.parse(line));
    expect(new Set(events.map(({ kind }) => kind))).toEqual(
      new Set(['summary', 'engine', 'worker', 'cell', 'start', 'log', 'state', 'tick', 'stop']),
    );
    expect(events.find(({ kind }) => kind === 'state')).toMatchObject({
      worker: 'default/counter',
      changes: [{ key: 'count', value: 1 }],
    });
  });

  test('with --quiet shows problems only', async () => {
    const files = { ...ONE, 'w/bad.js': 'export function tick() { throw new Error("no luck"); }\n' };
    const cli = startCli(['start', '--quiet'], { cwd: folderWith(files) });
    await cli.line(/bad +tick +#2 error/);
    await stop(cli);
    expect(cli.lines.filter((line) => line.includes('counter'))).toEqual([]);
  });

  test('refuses a data folder that is in use and names the reason', async () => {
    const cwd = folderWith(ONE);
    const first = startCli(['start'], { cwd });
    await first.line(/1 worker running/);
    const second = startCli(['start'], { cwd });
    expect(await second.ended).toBe(4);
    expect(second.lines.join('\n')).toContain('hint: end the other one');
    expect(second.lines.join('\n')).not.toContain('    at ');
    await stop(first);
  });

  test('goes on when nobody reads its output any more', async () => {
    const cli = startCli(['start'], { cwd: folderWith(ONE) });
    await cli.line(/counter +tick +#1 ok/);
    cli.process.stdout?.destroy();
    await cli.line(/nobody reads the output/);
    cli.process.kill('SIGINT');
    const [code] = await once(cli.process, 'exit');
    expect(code).toBe(0);
  });

  test('takes the echo of a signal for the same wish, and a later one for an end at once', async () => {
    const slow = `export async function tick(ctx) { ctx.log.info('ticking'); await new Promise((r) => setTimeout(r, 60_000)); }`;
    const cwd = folderWith({ 'runtime.yaml': CONFIG, 'w/slow.js': slow });
    const cli = startCli(['start'], { cwd });
    await cli.line(/slow +info +ticking/);
    cli.process.kill('SIGINT');
    cli.process.kill('SIGTERM');
    await cli.line(/stopping; once more ends at once/);
    // Signals are the only thing that the command listens to now: send the later one until it is one.
    const timer = setInterval(() => cli.process.kill('SIGINT'), 100);
    const started = performance.now();
    expect(await cli.ended).toBe(130);
    clearInterval(timer);
    expect(performance.now() - started).toBeGreaterThan(150);
    expect(performance.now() - started).toBeLessThan(9_000);
  });
});

describe('runtime start through an older Node', () => {
  const preload = `data:text/javascript,${encodeURIComponent(
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });",
  )}`;
  const options = { nodeFlags: ['--import', preload] };

  test('passes on a signal and the exit code', async () => {
    const cli = startCli(['start'], { cwd: folderWith(ONE), ...options });
    await cli.line(/counter +tick +#1 ok/);
    expect(await stop(cli)).toBe(0);
    expect(cli.lines.join('\n')).toContain('stopped; every state is saved');
    expect(await startCli(['nonsense'], options).ended).toBe(2);
  });

  test('ends when the older Node is killed', async () => {
    const cli = startCli(['start'], { cwd: folderWith(ONE), ...options });
    await cli.line(/counter +tick +#1 ok/);
    // This waits for the end of the output, which the inner process holds open as long as it lives.
    expect(await stop(cli, 'SIGKILL')).toBe('SIGKILL');
    const pid = Number(/pid (\d+)/.exec(cli.lines.join('\n'))?.[1]);
    expect(pid).not.toBe(cli.process.pid);
  });

  test('says in one line that Node 26 is missing', async () => {
    const cwd = folderWith();
    for (const file of ['runtime.mjs', 'entry.mjs']) copyFileSync(join(dirname(RUNTIME), file), join(cwd, file));
    const child = spawn(process.execPath, ['--import', preload, 'runtime.mjs', 'start'], { cwd });
    const text: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => text.push(chunk));
    const [code] = await once(child, 'close');
    expect(code).toBe(3);
    expect(Buffer.concat(text).toString()).toMatch(/^runtime: Node 26 is needed and this is Node 20\.1\.0; [^\n]*\n$/);
  });
});
