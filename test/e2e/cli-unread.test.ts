import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { RUNTIME } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';

const FLOOD = `
const text = 'x'.repeat(9_000);
export function tick() { for (let line = 0; line < 5_000; line++) console.log(text); }
`;
const COUNTER = `
export function tick() { console.log('tick'); }
`;
// Several floods: what one worker may log in ten seconds is bounded, and less than what may wait for a reader.
const FLOODS = ['a', 'b', 'c'];
const FILES = {
  'runtime.yaml': 'defaults: {interval: 1s}\nworkersFolder: ./w\n',
  'w/counter.js': COUNTER,
  ...Object.fromEntries(FLOODS.map((name) => [`w/flood-${name}.js`, FLOOD])),
};
const UNREAD_MS = 6_000;

function start(args: readonly string[] = []) {
  const child = spawn(process.execPath, [RUNTIME, 'start', ...args], {
    cwd: folderWith(FILES),
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  return { child, exit };
}

describe('runtime start, its output unread', () => {
  test('ticks in time, tells how much was not shown, and ends in order', { timeout: 20_000 }, async () => {
    const unread = start();
    const late = start(['--json']);
    const lateClosed = once(late.child, 'close');
    await pause(UNREAD_MS);
    unread.child.kill('SIGTERM');

    late.child.stderr.resume();
    const lines: Record<string, unknown>[] = [];
    createInterface({ input: late.child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
    await expect.poll(() => lines.find((line) => line.kind === 'dropped'), { timeout: 5_000 }).toBeDefined();
    const ticks = () => lines.filter((line) => line.kind === 'tick' && line.worker === 'default/counter');
    await expect.poll(() => Number(ticks().at(-1)?.tick), { timeout: 5_000 }).toBeGreaterThanOrEqual(UNREAD_MS / 1_000);
    late.child.kill('SIGTERM');

    // Each of these ticks has waited for none before it: those that nobody saw were in time as well.
    const [first, last] = [ticks().at(0), ticks().at(-1)];
    expect(first?.tick).toBe(1);
    expect(Number(last?.dueAt) - Number(first?.dueAt)).toBeLessThan((Number(last?.tick) - 1) * 1_000 + 900);
    expect(await lateClosed).toEqual([0, null]);
    expect(lines.at(-1)).toMatchObject({ kind: 'stop', message: 'stopped; every state is saved' });
    expect(await unread.exit).toEqual([0, null]);
  });
});
