/** What a newcomer sees first: the examples tick, end on Ctrl-C, and go on from their saved state. */
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Cli, startCli } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';

const ROOT = join(import.meta.dirname, '../..');
const WORKERS = ['counter', 'price-alert', 'uptime', 'visits'] as const;
const TIMEOUT_MS = 120_000;

type Line = Readonly<Record<string, unknown>>;

/** A copy that may write its data, with the packages that one of the workers bundles. */
function copyOfExamples(): string {
  const folder = folderWith();
  cpSync(join(ROOT, 'examples'), folder, { recursive: true, filter: (path) => !path.includes('.runtime') });
  cpSync(join(ROOT, 'node_modules/ipaddr.js'), join(folder, 'node_modules/ipaddr.js'), { recursive: true });
  return folder;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function start(folder: string, port: number, config = 'runtime.yaml'): Cli {
  return startCli(['start', '--config', config, '--json'], { cwd: folder, env: { QUOTES_PORT: String(port) } });
}

/** The end of a worker's tick that was ok. */
function tickLine(worker: string): RegExp {
  return new RegExp(`^\\{"kind":"tick",.*"worker":"default/${worker}",.*"fn":"tick","outcome":"ok"`);
}

async function interrupt(cli: Cli): Promise<number | string> {
  cli.process.kill('SIGINT');
  return cli.ended;
}

function linesOf(cli: Cli, kind: string, worker: string): Line[] {
  return cli.stdout
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line['kind'] === kind && line['worker'] === `default/${worker}`);
}

function numbersOf(cli: Cli, worker: string): number[] {
  return linesOf(cli, 'tick', worker).flatMap((line) => (line['fn'] === 'tick' ? [Number(line['tick'])] : []));
}

/** Values of a key in the order in which they were stored. */
function valuesOf(cli: Cli, worker: string, key: string): unknown[] {
  return linesOf(cli, 'state', worker).flatMap((line) =>
    (line['changes'] as readonly { key: string; value: unknown }[])
      .filter((change) => change.key === key)
      .map((change) => change.value),
  );
}

describe('the examples', () => {
  test('tick in both languages, end on Ctrl-C and go on from the saved state', { timeout: TIMEOUT_MS }, async () => {
    const folder = copyOfExamples();
    const port = await freePort();

    const first = start(folder, port);
    await Promise.all(WORKERS.map((worker) => first.line(tickLine(worker))));
    await first.next(tickLine('counter'));
    expect(await interrupt(first)).toBe(0);

    const second = start(folder, port);
    await Promise.all(WORKERS.map((worker) => second.line(tickLine(worker))));
    expect(await interrupt(second)).toBe(0);

    for (const worker of WORKERS) {
      const before = numbersOf(first, worker);
      const after = numbersOf(second, worker);
      const all = [...before, ...after];
      expect(all, `${worker} never uses a tick number again`).toEqual([...new Set(all)].sort((a, b) => a - b));
    }
    const counted = [...valuesOf(first, 'counter', 'counter'), ...valuesOf(second, 'counter', 'counter')];
    // One setup, which writes 0, in both starts together: it would begin at 0 again otherwise.
    expect(counted).toEqual(counted.map((_, index) => index));
    expect(linesOf(second, 'log', 'counter').map((line) => line['text'])).not.toContain('Worker started');
    expect(linesOf(first, 'log', 'counter').map((line) => line['text'])).toContain('Worker started');

    const checksOf = (cli: Cli) => valuesOf(cli, 'uptime', 'shop').map((value) => (value as { checks: number }).checks);
    const checks = [...checksOf(first), ...checksOf(second)];
    expect(checks).toEqual(checks.map((_, index) => index + 1));
  });

  test('of trouble end as the README says, and the neighbour ticks on', { timeout: TIMEOUT_MS }, async () => {
    const cli = start(join(copyOfExamples(), 'trouble'), 0);
    const became = (worker: string, state: string) =>
      cli.line(new RegExp(`^\\{"kind":"worker",.*"worker":"default/${worker}",.*"to":"${state}"`));
    await Promise.all([
      became('endless', 'failed'),
      became('hungry', 'failed'),
      became('throws', 'failed'),
      became('typo', 'invalid'),
    ]);
    await cli.next(tickLine('neighbour'));
    expect(await interrupt(cli)).toBe(0);

    const outcomes = (worker: string) => linesOf(cli, 'tick', worker).map((line) => line['outcome']);
    expect(outcomes('endless')).toEqual(['timeout', 'timeout', 'timeout']);
    expect(outcomes('hungry')).toEqual(['memory', 'memory', 'memory']);
    expect(outcomes('throws')).toEqual(['error', 'error', 'error']);
    expect(outcomes('typo')).toEqual([]);
    expect(new Set(outcomes('neighbour'))).toEqual(new Set(['ok']));
    // What a worker wrote before it was ended is kept.
    expect(valuesOf(cli, 'endless', 'attempts')).toEqual([1, 2, 3]);
    expect(linesOf(cli, 'log', 'throws').map((line) => line['text'])).toContain("on_error was told: KeyError('BTC')");
    const count = valuesOf(cli, 'neighbour', 'count');
    expect(count).toEqual(count.map((_, index) => index + 1));
  });
});
