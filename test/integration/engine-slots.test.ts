import { expect, it } from 'vitest';
import { z } from 'zod';
import type { Adapter } from '../../adapters/adapter.ts';
import { createEchoAdapter } from '../../adapters/echo/adapter.ts';
import { FAST, startEngine } from '../support/engine.ts';

/** Heeds nothing, its signal neither. */
const DEAF: Adapter = {
  name: 'deaf',
  capabilities: { ask: { effect: false, parameters: [], input: z.object({}), call: () => new Promise(() => {}) } },
};

it('many answers at once do not cost a cell its slots', async () => {
  const engine = await startEngine({ adapters: [createEchoAdapter()] });
  const asks = `export async function tick(ctx) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => ctx.echo.say('x' + i)));
    ctx.state.set('n', ctx.state.get('n', 0) + 1);
  }`;
  for (const name of ['one', 'two']) await engine.run(name, asks, FAST);
  await Promise.all(['one', 'two'].map((name) => engine.okTicks(name, 10)));
  // Slots that were lost show when a second and a third cell take their share of them.
  for (const name of ['alone', 'apart']) await engine.run(name, asks, { ...FAST, isolation: 'dedicated' });
  await Promise.all(['alone', 'apart'].map((name) => engine.okTicks(name, 3)));
  await Promise.all(['one', 'two'].map((name) => engine.okTicks(name, 10)));
  expect(engine.ticks.every((tick) => tick.outcome === 'ok')).toBe(true);
});

it('two endless loops stop neither the quick nor the slow of their cell', async () => {
  const engine = await startEngine();
  const loop = `export function tick() { for (;;) {} }`;
  for (const name of ['loop-1', 'loop-2'])
    await engine.run(name, loop, { ...FAST, tickTimeoutMs: 20_000, maxErrors: 100 });
  // More than a slice may take in the quick lane.
  const slow = `export function tick() { const until = Date.now() + 80; while (Date.now() < until); }`;
  await engine.run('slow', slow, FAST);
  await engine.run('quick', `export function tick(ctx) { ctx.state.set('n', 1); }`, FAST);
  await Promise.all([engine.okTicks('slow', 8), engine.okTicks('quick', 8)]);
  // What a tick waited for in its cell is told.
  const lateness = engine.ticks.filter(({ worker }) => worker === 'default/slow').map((tick) => tick.latenessMs);
  expect(Math.max(...lateness)).toBeGreaterThan(1);
  expect(engine.runtime.worker('loop-1').state).toBe('ticking');
});

it('calls that an adapter never answers cost their tick, and neither the cell nor a neighbour', async () => {
  const engine = await startEngine({ adapters: [DEAF] });
  const asks = `export async function tick(ctx) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => ctx.deaf.ask()));
  }`;
  await engine.run('asks', asks, { ...FAST, tickTimeoutMs: 50, maxErrors: 1_000 });
  await engine.run('neighbour', `export function tick() {}`, FAST);
  const of = (name: string) => engine.ticks.filter(({ worker }) => worker === `default/${name}`);
  await expect.poll(() => of('asks').length, { timeout: 30_000 }).toBeGreaterThan(8);
  expect(new Set(of('asks').map((tick) => tick.errorCode))).toEqual(new Set(['TICK_TIMEOUT']));
  expect(of('neighbour').every((tick) => tick.outcome === 'ok')).toBe(true);
});
