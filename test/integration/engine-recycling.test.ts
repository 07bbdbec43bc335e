/** Cells are replaced before they get old, and no worker notices. */
import { describe, expect, test } from 'vitest';
import type { TickRecord } from '../../src/index.ts';
import { type Engine, startEngine } from '../support/engine.ts';

const COUNTER = `
let here = 0;
export function resume(ctx) { ctx.state.set('resumed', ctx.worker.startedBy); }
export function tick(ctx) { here += 1; ctx.state.set('n', ctx.state.get('n', 0) + 1); ctx.state.set('here', here); }`;
const PYTHON = `def tick(ctx):\n    ctx.state.set("n", ctx.state.get("n", 0) + 1)\n`;
const EVERY_SECOND = { schedule: { kind: 'interval', intervalMs: 1_000 } } as const;

function ticksOf(engine: Engine, worker: string): readonly TickRecord[] {
  return engine.ticks.filter((tick) => tick.worker === `default/${worker}` && tick.fn === 'tick');
}

function expectUnnoticed(engine: Engine, worker: string): void {
  const ticks = ticksOf(engine, worker);
  expect(ticks.every(({ outcome }) => outcome === 'ok')).toBe(true);
  expect(ticks.map(({ tick }) => tick)).toEqual(ticks.map((_, index) => index + 1));
  // A machine that does other things may be late for one.
  expect(ticks.reduce((sum, { skipped }) => sum + skipped, 0)).toBeLessThanOrEqual(1);
}

describe('a cell that is due', () => {
  test('by its age is replaced between ticks: no tick is missed, none is charged, state goes on', async () => {
    const engine = await startEngine({ cells: { ageMsMax: 2_000 } });
    for (let i = 0; i < 30; i++) await engine.run(`w${i}`, COUNTER, EVERY_SECOND);
    await engine.next('cell', ({ event, reason }) => event === 'ended' && reason?.includes('it was replaced') === true);
    await engine.okTicks('w0', 2);
    for (let i = 0; i < 30; i++) {
      expectUnnoticed(engine, `w${i}`);
      const { n, here, resumed } = (await engine.runtime.readState(`w${i}`)) as Record<string, number>;
      expect(resumed).toBe('recycled');
      expect(n).toBeGreaterThanOrEqual(ticksOf(engine, `w${i}`).length);
      expect(here).toBeLessThan(n as number);
    }
    expect(engine.cells.filter(({ event }) => event === 'lost')).toEqual([]);
  });

  test('by its runs is replaced the same way', async () => {
    const engine = await startEngine({ cells: { runsMax: 10 } });
    await engine.run('w', COUNTER, { schedule: { kind: 'interval', intervalMs: 400 } });
    await engine.next('cell', ({ event, reason }) => event === 'ended' && /\d+ runs/.test(reason ?? ''));
    await engine.okTicks('w', 2);
    expectUnnoticed(engine, 'w');
  });

  test('holds Python workers too', async () => {
    const engine = await startEngine({ cells: { ageMsMax: 3_000 } });
    await engine.run('p', PYTHON, { schedule: { kind: 'interval', intervalMs: 4_000 } });
    await engine.next('cell', ({ event, reason }) => event === 'ended' && reason?.includes('it was replaced') === true);
    await engine.okTicks('p');
    expectUnnoticed(engine, 'p');
  });

  test('keeps workers that would lose what their setup bound, and takes no others', async () => {
    const engine = await startEngine({ cells: { ageMsMax: 1_000 } });
    await engine.run(
      'binds',
      `let client; export function setup() { client = { n: 0 }; } export function tick(ctx) { ctx.state.set('n', ++client.n); }`,
    );
    await engine.okTicks('binds');
    const pid = engine.runtime.worker('binds').cell;
    await engine.next('tick', () => engine.runtime.status().cells.some(({ retiring }) => retiring));
    await engine.run('late', COUNTER);
    await engine.okTicks('late');
    await engine.okTicks('binds', 10);
    expect(engine.runtime.worker('binds').cell).toBe(pid);
    expect(engine.runtime.worker('late').cell).not.toBe(pid);
    const { n } = (await engine.runtime.readState('binds')) as { n: number };
    expect(n).toBeGreaterThanOrEqual(ticksOf(engine, 'binds').length - 1);
  });
});
