import { expect, test } from 'vitest';
import { id, startEngine } from '../support/engine.ts';

const BUSY = `export function tick(ctx) {
  ctx.log.info('busy');
  for (const from = Date.now(); Date.now() - from < 500; );
}`;

test('a cell does not hear the signals that end a service, so that its workers can end in order', async () => {
  const engine = await startEngine();
  const busy = engine.next('log', ({ worker, text }) => worker === id('w') && text === 'busy');
  await engine.run('w', BUSY);
  await busy;
  const pid = engine.runtime.worker('w').cell;
  if (pid === null) throw new Error('the worker has no cell');
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(pid, signal);
  await engine.okTicks('w', 2);
  expect(engine.runtime.worker('w').cell).toBe(pid);
  expect(engine.ticks.every(({ outcome }) => outcome === 'ok')).toBe(true);
});
