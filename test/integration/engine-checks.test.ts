import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createRuntime } from '../../src/index.ts';
import { FAST, shareCache, startEngine, workerOf } from '../support/engine.ts';

const GOOD = 'def tick(ctx):\n    ctx.state.set("n", ctx.state.get("n", 0) + 1)\n';

it('broken Python over a running worker is refused, and the old version ticks on', async () => {
  const engine = await startEngine();
  await engine.run('py', GOOD, FAST);
  await engine.okTicks('py');
  const before = engine.runtime.worker('py').version;
  for (const broken of ['def tick(ctx)\n    pass\n', 'import socket\ndef tick(ctx):\n    pass\n'])
    await expect(engine.runtime.deploy(workerOf('py', broken, FAST))).rejects.toMatchObject({ code: 'CODE_INVALID' });
  await engine.okTicks('py', 3);
  expect(engine.runtime.worker('py')).toMatchObject({ version: before, consecutiveErrors: 0 });
});

it('check loads a worker once, without a trace', async () => {
  const engine = await startEngine();
  await engine.runtime.check(workerOf('some', GOOD));
  const missing = engine.runtime.check(workerOf('some', 'import nothing_of_this_name\ndef tick(ctx):\n    pass\n'));
  await expect(missing).rejects.toMatchObject({ code: 'CODE_INVALID', message: expect.stringContaining('some.py') });
  expect(engine.runtime.status().workers).toEqual([]);
});

it('check finds what only a load of JavaScript shows, with its place', async () => {
  const engine = await startEngine();
  await expect(
    engine.runtime.check(workerOf('top', 'const none = null;\nnone.foo();\nexport function tick() {}\n')),
  ).rejects.toMatchObject({ code: 'CODE_INVALID', details: { problems: [{ file: 'top.js', line: 2 }] } });
});

it('a wrong answer of world reaches no worker, and the engine says what is wrong', async () => {
  let seed: unknown = 'abc';
  const engine = await startEngine({ world: () => ({ seed }) as never });
  await engine.run('w', 'export function tick() {}', FAST);
  await engine.next('worker', ({ reason }) => reason === 'an error inside the engine');
  expect(engine.engineLog.join('\n')).toContain('world for default/w at seed: must be a whole number');
  expect(engine.ticks).toEqual([]);
  seed = 7;
  await engine.okTicks('w');
});

it('settings that are none are refused and change nothing', async () => {
  const engine = await startEngine();
  await engine.run('w', 'export function tick() {}', FAST);
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  for (const patch of [
    { params: { a: 1n } },
    { params: circle },
    { foo: 1 },
    { maxErrors: '3' },
    { isolation: 'none' },
  ])
    await expect(engine.runtime.reconfigure('w', patch as never)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(engine.runtime.deploy({ ...workerOf('w', ''), maxErors: 3 } as never)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
  await engine.runtime.reconfigure('w', { params: { a: 2 } });
  await engine.okTicks('w', 2);
});

it('a data folder may be named relative to where the program runs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tick-relative-'));
  shareCache(folder);
  const runtime = createRuntime({ dataDir: relative(process.cwd(), folder), minIntervalMs: 10 });
  onTestFinished(async () => {
    await runtime.stop({ now: true });
    rmSync(folder, { recursive: true, force: true });
  });
  await runtime.start();
  const ticked = new Promise<void>((resolve) => {
    runtime.on('tick', ({ outcome }) => outcome === 'ok' && resolve());
  });
  await runtime.deploy(workerOf('py', GOOD, FAST));
  await runtime.startWorker('py');
  await ticked;
});
