import { afterAll, describe, expect, test } from 'vitest';
import type { TickRecord } from '../../src/index.ts';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { type Engine, FAST, id, startEngine, workerOf } from '../support/engine.ts';
import { createFakedPool } from '../support/fake-launch.ts';
import { JumpClock } from '../support/jump-clock.ts';
import { createRegistry } from '../support/registry.ts';

const HOUR = { schedule: { kind: 'interval', intervalMs: 3_600_000 } } as const;
const COUNTER = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;
/** Runs without a pause while `hold` is in its parameters; says so first. */
const BUSY = `
export function setup(ctx) { ctx.state.set('setups', ctx.state.get('setups', 0) + 1); }
export function tick(ctx) {
  if (!ctx.params.hold) return ctx.state.set('n', ctx.state.get('n', 0) + 1);
  ctx.log.info('busy');
  for (const from = Date.now(); Date.now() - from < 30000; );
}`;
/** As above, and a variable that only its setup binds. */
const BINDS = BUSY.replace('export function setup(ctx) {', 'let bound; export function setup(ctx) { bound = 1;');
const HOLD = { params: { hold: true }, tickTimeoutMs: 60_000 } as const;

afterAll(closeCompiler);

const cellOf = (engine: Engine, name: string): number => engine.runtime.worker(name).cell ?? -1;
const purposeOf = (engine: Engine, name: string): string | undefined =>
  engine.runtime.status().cells.find(({ pid }) => pid === cellOf(engine, name))?.purpose;
const charged = (engine: Engine): unknown[] =>
  engine.ticks
    .filter(({ outcome, errorCode }) => outcome !== 'ok' && errorCode !== 'CELL_LOST')
    .map(({ worker, errorCode }) => [worker, errorCode]);

/** Resolves when the worker is in the middle of a tick that does not end by itself. */
function busy(engine: Engine, name: string): Promise<unknown> {
  return engine.next('log', ({ worker, text }) => worker === id(name) && text === 'busy');
}

/** A cell dies of something that nothing inside of it reports; only SIGKILL counts as coming from outside. */
async function crash(engine: Engine, name: string): Promise<void> {
  const pid = cellOf(engine, name);
  const gone = engine.next('cell', (event) => event.pid === pid && event.event === 'lost');
  process.kill(pid, 'SIGUSR2');
  await gone;
}

test('a worker that takes its cell down again and again waits longer each time, ends at maxErrors, and keeps its state', async () => {
  const engine = await startEngine();
  await engine.run('bad', BUSY, { ...HOLD, ...FAST, maxErrors: 3 });
  const lostAt: number[] = [];
  const readyAt: number[] = [];
  engine.runtime.on('cell', ({ event }) => {
    if (event === 'started') readyAt.push(performance.now());
    if (event === 'lost') lostAt.push(performance.now());
  });
  await busy(engine, 'bad');
  for (let fall = 0; fall < 3; fall++) {
    const again = fall < 2 ? busy(engine, 'bad') : engine.inState('bad', 'failed');
    await crash(engine, 'bad');
    await again;
  }
  const pauses = readyAt.slice(-2).map((at, fall) => at - (lostAt[fall] as number));
  expect(pauses[0]).toBeGreaterThanOrEqual(990);
  expect(pauses[1]).toBeGreaterThanOrEqual(1_990);
  expect(pauses[1]).toBeLessThan(15_000);
  expect(charged(engine)).toEqual(Array.from({ length: 3 }, () => [id('bad'), 'SANDBOX_CRASH']));
  expect(await engine.runtime.readState('bad')).toEqual({ setups: 1 });
});

describe('suspects of a cell’s death', () => {
  test('sit in cells of their own; who dies alone is charged, and who did not run is no suspect', async () => {
    const engine = await startEngine();
    await engine.run('idle', COUNTER, HOUR);
    await engine.okTicks('idle');
    const both = Promise.all([busy(engine, 'good'), busy(engine, 'bad')]);
    await engine.run('good', BUSY, HOLD);
    await engine.run('bad', BUSY, HOLD);
    await both;
    expect(new Set(['idle', 'good', 'bad'].map((name) => cellOf(engine, name))).size).toBe(1);
    const again = Promise.all([busy(engine, 'good'), busy(engine, 'bad')]);
    await crash(engine, 'good');
    await again;
    await expect.poll(() => purposeOf(engine, 'idle')).toBe('shared');
    expect(['good', 'bad'].map((name) => purposeOf(engine, name))).toEqual(['probation', 'probation']);
    expect(cellOf(engine, 'good')).not.toBe(cellOf(engine, 'bad'));
    expect(charged(engine)).toEqual([]);
    // Alone, it can only have been the worker itself.
    const third = busy(engine, 'bad');
    await crash(engine, 'bad');
    await third;
    expect(charged(engine)).toEqual([[id('bad'), 'SANDBOX_CRASH']]);
    expect(engine.runtime.worker('bad').consecutiveErrors).toBe(1);
    expect(engine.runtime.worker('good').consecutiveErrors).toBe(0);
    await engine.runtime.stop({ now: true });
  });

  test('return to a shared cell after a minute of good ticks, without another setup', async () => {
    const clock = new JumpClock();
    const engine = await startEngine({ clock });
    await engine.run('idle', COUNTER, HOUR);
    await engine.okTicks('idle');
    const begun = busy(engine, 'w');
    await engine.run('w', BUSY, HOLD);
    await begun;
    const again = busy(engine, 'w');
    process.kill(cellOf(engine, 'w'), 'SIGKILL');
    await again;
    expect(purposeOf(engine, 'w')).toBe('probation');
    await engine.runtime.reconfigure('w', { params: {} });
    await engine.runtime.stopWorker('idle');
    await engine.runtime.startWorker('idle');
    // The tick in flight ends with its cell; the new parameters count from the next one.
    process.kill(cellOf(engine, 'w'), 'SIGKILL');
    await engine.okTicks('w', 3);
    expect(purposeOf(engine, 'w')).toBe('probation');
    clock.jump(55_000);
    await engine.okTicks('w', 3);
    expect(purposeOf(engine, 'w')).toBe('probation');
    clock.jump(10_000);
    await expect.poll(() => purposeOf(engine, 'w'), { timeout: 10_000 }).toBe('shared');
    await engine.okTicks('w', 2);
    expect(cellOf(engine, 'w')).toBe(cellOf(engine, 'idle'));
    expect(await engine.runtime.readState('w')).toMatchObject({ setups: 1 });
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(0);
    expect(charged(engine)).toEqual([]);
  });

  test('that would lose what their setup bound stay where they are, and their next sandbox is a shared one', async () => {
    const clock = new JumpClock();
    const engine = await startEngine({ clock });
    const begun = busy(engine, 'w');
    await engine.run('w', BINDS, HOLD);
    await begun;
    await engine.runtime.reconfigure('w', { params: {} });
    process.kill(cellOf(engine, 'w'), 'SIGKILL');
    await engine.okTicks('w', 2);
    expect(purposeOf(engine, 'w')).toBe('probation');
    clock.jump(61_000);
    await engine.okTicks('w', 3);
    expect(purposeOf(engine, 'w')).toBe('probation');
    await engine.inState('w', 'waiting');
    await engine.runtime.reconfigure('w', { ...HOUR });
    await engine.inState('w', 'waiting');
    process.kill(cellOf(engine, 'w'), 'SIGKILL');
    await engine.inState('w', 'recovering');
    await expect.poll(() => purposeOf(engine, 'w'), { timeout: 10_000 }).toBe('shared');
    expect(charged(engine)).toEqual([]);
  });
});

describe('a cell that is killed from outside', () => {
  const LOOP = `export function tick(ctx) { ctx.log.info('busy'); for (;;); }`;

  /** Kills the cell that the worker runs in, `kills` times; `oomKills` are what the kernel has counted by then. */
  async function killAgain(
    oomKills: readonly number[],
  ): Promise<{ errors: readonly (string | null)[]; ticks: readonly TickRecord[] }> {
    let counted = 0;
    const { pool } = await createFakedPool([], { oomKills: () => counted });
    const made = createRegistry({ pool });
    const { registry, logs, ticks } = made;
    await registry.deploy({ ...workerOf('w', LOOP), ...FAST, tickTimeoutMs: 600_000, maxErrors: 50 });
    await registry.startWorker(id('w'));
    const begun = (count: number): Promise<void> =>
      expect.poll(() => logs.filter(({ text }) => text === 'busy').length, { timeout: 15_000 }).toBe(count);
    for (const [i, count] of oomKills.entries()) {
      await begun(i + 1);
      counted = count;
      process.kill(registry.status(id('w')).cell ?? -1, 'SIGKILL');
      await begun(i + 2);
    }
    const errors = ticks.map(({ errorCode }) => errorCode);
    await registry.stopWorker(id('w'), true);
    return { errors, ticks };
  }

  test('is never charged while the kernel has killed nothing for memory', async () => {
    expect((await killAgain([0, 0, 0])).errors).toEqual(Array(3).fill('CELL_LOST'));
  });

  test('by the system, for memory, is charged from the second time on to the worker that was alone in it', async () => {
    const { errors, ticks } = await killAgain([1, 2]);
    expect(errors).toEqual(['CELL_LOST', 'SANDBOX_CRASH']);
    expect(ticks[1]?.errorMessage).toContain('the system killed the process, perhaps because memory ran out');
  });
});
