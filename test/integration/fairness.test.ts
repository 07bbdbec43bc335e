/** Who gets the processors when workers want more of them than there are. */
import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import type { TickRecord } from '../../src/index.ts';
import { type Engine, startEngine, workerOf } from '../support/engine.ts';

const COUNTER = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;
/** Of nine ticks in ten. Alone on the machine it is some milliseconds; without turns and ranks of threads it is seconds. */
const LATE_MS_MAX = 250;
const GREEDY = 250;
const spin = (ms: number): string =>
  `export function tick(ctx) { const until = Date.now() + ${ms}; while (Date.now() < until); }`;

async function deployAll(engine: Engine, workspace: string, count: number, text: string, options = {}): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      await engine.runtime.deploy({ ...workerOf(`w${i}`, text, options), workspace });
      await engine.runtime.startWorker(`${workspace}/w${i}`);
    }),
  );
}

const workspaceOf = ({ worker }: TickRecord): string => worker.split('/')[0] as string;

function latenessOf(ticks: readonly TickRecord[], share: number): number {
  const sorted = ticks.map(({ latenessMs }) => latenessMs).toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.POSITIVE_INFINITY;
}

const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

describe('a workspace that wants all processors', () => {
  test('gets its share and no more, and is told to be overloaded; the others are not late', async () => {
    const engine = await startEngine();
    const overloads: string[] = [];
    engine.runtime.on('overload', ({ workspace, over }) => overloads.push(`${workspace} ${over}`));
    await deployAll(engine, 'modest', 10, COUNTER, { schedule: { kind: 'interval', intervalMs: 200 } });
    await deployAll(engine, 'greedy', GREEDY, spin(20), { schedule: { kind: 'interval', intervalMs: 100 } });
    await wait(2_000);
    const from = engine.ticks.length;
    await wait(6_000);
    const ticks = engine.ticks.slice(from);
    const modest = ticks.filter((tick) => workspaceOf(tick) === 'modest');
    const greedy = ticks.filter((tick) => workspaceOf(tick) === 'greedy');
    // It wants 50 cores. What runs besides the tests takes some of the machine.
    expect(greedy.length).toBeGreaterThan(60);
    expect(greedy.every(({ outcome }) => outcome === 'ok')).toBe(true);
    expect(modest.length).toBeGreaterThan(150);
    expect(modest.reduce((sum, { skipped }) => sum + skipped, 0)).toBeLessThan(modest.length / 10);
    expect(latenessOf(modest, 0.9)).toBeLessThan(LATE_MS_MAX);
    expect(latenessOf(greedy, 0.5)).toBeGreaterThan(200);
    expect(overloads).toContain('greedy false');
    expect(overloads).not.toContain('modest false');
    expect(engine.runtime.status().overloaded.map(({ workspace }) => workspace)).toEqual(['greedy']);
    // Everybody in it has his turn: oldest first.
    const perWorker = new Map<string, number>();
    for (const { worker } of greedy) perWorker.set(worker, (perWorker.get(worker) ?? 0) + 1);
    if (greedy.length >= 2 * GREEDY) expect(perWorker.size).toBe(GREEDY);
  });
});

describe('workers that spin', () => {
  test('hold up nobody who needs little, in their own workspace and in others', async () => {
    const engine = await startEngine();
    await deployAll(engine, 'default', 20, COUNTER, { schedule: { kind: 'interval', intervalMs: 200 } });
    await deployAll(engine, 'other', 5, COUNTER, { schedule: { kind: 'interval', intervalMs: 200 } });
    await deployAll(engine, 'spinners', 5 * availableParallelism(), spin(60_000), { tickTimeoutMs: 30_000 });
    await engine.run('spinner', spin(60_000), { tickTimeoutMs: 30_000 });
    await wait(2_000);
    const from = engine.ticks.length;
    await wait(6_000);
    const ticks = engine.ticks.slice(from);
    expect(ticks.length).toBeGreaterThan(500);
    expect(ticks.every(({ outcome }) => outcome === 'ok')).toBe(true);
    expect(latenessOf(ticks, 0.9)).toBeLessThan(LATE_MS_MAX);
    await engine.runtime.stop({ now: true });
  });
});

describe('workers that wait', () => {
  test('for a slow answer, 400 of them, hold up nobody', async () => {
    const engine = await startEngine();
    const waits = `export async function tick(ctx) { await new Promise((go) => setTimeout(go, 5_000)); }`;
    await deployAll(engine, 'default', 400, waits);
    await deployAll(engine, 'quick', 20, COUNTER, { schedule: { kind: 'interval', intervalMs: 200 } });
    await engine.run('same', COUNTER, { schedule: { kind: 'interval', intervalMs: 200 } });
    await wait(1_000);
    const from = engine.ticks.length;
    await wait(4_000);
    const quick = engine.ticks.slice(from).filter(({ durationMs }) => durationMs < 1_000);
    expect(quick.length).toBeGreaterThan(300);
    expect(quick.some(({ worker }) => worker === 'default/same')).toBe(true);
    expect(latenessOf(quick, 0.9)).toBeLessThan(LATE_MS_MAX);
    expect(engine.runtime.status().overloaded).toEqual([]);
    await engine.runtime.stop({ now: true });
  });
});
