import { afterAll, expect, test } from 'vitest';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { id, workerOf } from '../support/engine.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { createRegistry } from '../support/registry.ts';
import { ScriptedPool } from '../support/scripted-pool.ts';

afterAll(closeCompiler);

test('a parked worker with a cron expression follows a calendar that jumps', async () => {
  const clock = new FakeClock();
  const { registry, ticks } = createRegistry({ clock, pool: new ScriptedPool(), parkAboveMs: 10_000 });
  const schedule = { kind: 'cron', expression: '0 12 * * *', timezone: 'UTC', catchUp: 'none' } as const;
  await registry.deploy(workerOf('w', 'export function tick() {}', { schedule }));
  await registry.startWorker(id('w'));
  await clock.advanceAsync(60_000);
  const noon = Date.UTC(2026, 0, 1, 12);
  expect(registry.status(id('w'))).toMatchObject({ state: 'parked', nextTickAt: noon });
  // To half a minute before noon.
  clock.jumpWall(noon - 40_000 - clock.wallMs());
  await clock.advanceAsync(34_000);
  expect(ticks).toEqual([]);
  await clock.advanceAsync(2_000);
  expect(registry.status(id('w')).state).toBe('waiting');
  await clock.advanceAsync(5_000);
  expect(ticks.map(({ dueAt, latenessMs }) => [dueAt, latenessMs])).toEqual([[noon, 0]]);
  expect(registry.status(id('w')).state).toBe('parked');
});
