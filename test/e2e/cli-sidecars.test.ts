import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Cli, startCli } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';

/** Heeds neither the end of its stdin nor SIGTERM. */
const STUBBORN = `
import { createServer } from 'node:http';
process.on('SIGTERM', () => {});
const server = createServer((request, response) => response.end('here'));
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('serving as ' + process.pid));
`;
const POLITE = STUBBORN.replace(
  "process.on('SIGTERM', () => {});",
  "process.stdin.on('end', () => process.exit()).resume();",
);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function files(port: number, sidecar: string, command = `[node, server.mjs, "${port}"]`): Record<string, string> {
  return {
    'runtime.yaml': `workers: [{file: w.js, interval: 1s}]
sidecars: [{name: web, command: ${command}, ready: "http://127.0.0.1:${port}/", readyTimeout: 5s}]
`,
    'w.js': "export function tick(ctx) { ctx.log.info('ticked'); }\n",
    'server.mjs': sidecar,
  };
}

async function pidOf(cli: Cli): Promise<number> {
  return Number(/serving as (\d+)/.exec(await cli.line(/serving as/))?.[1]);
}

/** Resolves when nothing answers any more; the test's time limit is the limit. */
async function isGone(port: number): Promise<void> {
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
    } catch {
      return;
    }
  }
}

describe('a sidecar', () => {
  test('is ready before the first worker and ends after the last', async () => {
    const port = await freePort();
    const cli = startCli(['start'], { cwd: folderWith(files(port, POLITE)) });
    await cli.line(/w +tick +#1 ok/);
    cli.process.kill('SIGINT');
    expect(await cli.ended).toBe(0);
    const at = (pattern: RegExp) => cli.lines.findIndex((line) => pattern.test(line));
    expect(at(/web +sidecar +serving/)).toBeLessThan(at(/w +worker +stopped → loading/));
    await isGone(port);
    expect(cli.lines.join('\n')).not.toContain('ended by itself');
  });

  test.each([
    ['that heeds the end of its stdin', POLITE],
    ['that heeds nothing', STUBBORN],
  ])('%s ends when the runtime is killed, and the next start has its port', async (_, sidecar) => {
    const port = await freePort();
    const cwd = folderWith(files(port, sidecar));
    const first = startCli(['start'], { cwd });
    const pid = await pidOf(first);
    await first.line(/ticked/);
    first.process.kill('SIGKILL');
    const second = startCli(['start'], { cwd });
    expect(await pidOf(second)).not.toBe(pid);
    await second.line(/ticked/);
    second.process.kill('SIGKILL');
    await isGone(port);
  });

  test('that ends while workers run is told, and they go on', async () => {
    const port = await freePort();
    const cli = startCli(['start'], { cwd: folderWith(files(port, POLITE)) });
    const pid = await pidOf(cli);
    await cli.line(/ticked/);
    process.kill(pid, 'SIGKILL');
    await cli.line(/web +sidecar +ended by itself: SIGKILL/);
    await cli.next(/ticked/);
    cli.process.kill('SIGINT');
    expect(await cli.ended).toBe(0);
  });

  test('that cannot start ends the command with what it said', async () => {
    const port = await freePort();
    const cwd = folderWith(files(port, "console.error('no such luck'); process.exit(7);\n"));
    const cli = startCli(['start'], { cwd });
    expect(await cli.ended).toBe(5);
    const output = cli.lines.join('\n');
    expect(output).toContain('the sidecar web failed: ended before it was ready (exit code 7)');
    expect(output).toContain('no such luck');
  });

  test('whose program does not exist is named', async () => {
    const cli = startCli(['start'], { cwd: folderWith(files(await freePort(), '', '[no-such-program]')) });
    expect(await cli.ended).toBe(5);
    expect(cli.lines.join('\n')).toContain('there is no program no-such-program');
  });

  test('does not start beside somebody who has its address', async () => {
    const other = createServer((_, response) => response.end('other')).listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const cli = startCli(['start'], { cwd: folderWith(files(port, POLITE)) });
    expect(await cli.ended).toBe(5);
    expect(cli.lines.join('\n')).toContain(`something else answers at http://127.0.0.1:${port}/`);
  });
});
