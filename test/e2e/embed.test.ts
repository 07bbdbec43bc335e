/** The engine inside another program: the example runs as its reader would run it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

test('the embedding example deploys from text, uses its own capability and clock, and ends', {
  timeout: 60_000,
}, async () => {
  const child = spawn(process.execPath, ['examples/embed/main.mjs'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  for (const count of [1, 2, 3])
    expect(stdout).toContain(`desk: default/greeter, tick ${count}: hello number ${count}`);
  expect(stdout).toContain('state: { count: 3 }');
  expect(stdout).toMatch(/stopped\n$/);
});
