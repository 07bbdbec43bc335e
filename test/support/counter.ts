/** The worker that shows every loss: each tick counts up once. */
import { expect } from 'vitest';
import type { Engine } from './engine.ts';

export const COUNTER = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;

/** Every tick that was told was ok and counted once, nobody was charged, and what is stored is what was counted. Stops the worker. */
export async function expectNothingLost(engine: Engine, worker: string): Promise<void> {
  await engine.runtime.stopWorker(worker);
  const ticks = engine.ticks.filter((tick) => tick.worker === `default/${worker}`);
  expect(ticks.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  expect(ticks.map(({ tick }) => tick)).toEqual(ticks.map((_, n) => n + 1));
  expect((await engine.runtime.readState(worker))['n']).toBe(ticks.length);
  expect(engine.runtime.worker(worker).consecutiveErrors).toBe(0);
}
