import { expect, it } from 'vitest';
import { startEngine, workerOf } from '../support/engine.ts';

it('a worker whose module body never ends can be stopped at once', async () => {
  const engine = await startEngine();
  await engine.runtime.deploy(workerOf('stuck', 'for (;;);\nexport function tick() {}'));
  await engine.runtime.startWorker('stuck');
  await engine.inState('stuck', 'loading');
  const from = performance.now();
  const status = await engine.runtime.stopWorker('stuck', { now: true });
  expect(status.state).toBe('stopped');
  expect(performance.now() - from).toBeLessThan(10_000);
});

it('a limit of errors that is lowered below the count stops the worker at once', async () => {
  const engine = await startEngine();
  await engine.run('failing', `export function tick() { throw new Error('no'); }`, {
    maxErrors: 100,
    schedule: { kind: 'interval', intervalMs: 50 },
  });
  await engine.next('tick', ({ tick }) => tick === 3);
  await engine.runtime.reconfigure('failing', { maxErrors: 2, schedule: { kind: 'interval', intervalMs: 3_600_000 } });
  await engine.inState('failing', 'failed');
});

it.each(['removeWorker', 'restartWorker'] as const)(
  '%s with now cuts the tick that a plain stop waits for',
  async (order) => {
    const engine = await startEngine();
    await engine.run('w', 'export function tick() { return new Promise(() => setTimeout(() => {}, 50_000)); }');
    await engine.inState('w', 'ticking');
    const stopped = engine.runtime.stopWorker('w');
    await engine.runtime[order]('w', { now: true });
    expect((await stopped).desired).toBe('stopped');
  },
  10_000,
);
