import { afterAll, describe, expect, test } from 'vitest';
import { MemoryStateStore } from '../../src/store/memory.ts';
import { RECONCILE_MS, startReconciler } from '../../src/supervisor/reconciler.ts';
import { type Armed, Scheduler } from '../../src/supervisor/scheduler.ts';
import type { Schedule } from '../../src/workers/definition.ts';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { workerOf } from '../support/engine.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { createRegistry, type RegistryUnderTest } from '../support/registry.ts';
import { ScriptedPool } from '../support/scripted-pool.ts';
import { CommandedStore } from '../support/stores.ts';

/** Forgets what it was asked for as often as the test says. */
class ForgetfulScheduler extends Scheduler {
  forget = 0;

  override arm(due: number, fire: (due: number) => void): Armed {
    if (this.forget <= 0) return super.arm(due, fire);
    this.forget -= 1;
    return { due, fire, at: -1 };
  }
}

interface Started extends RegistryUnderTest {
  readonly clock: FakeClock;
  readonly scheduler: ForgetfulScheduler;
  readonly pool: ScriptedPool;
  readonly store: CommandedStore;
  /** Lines about workers that were repaired. */
  repairs(): readonly string[];
}

afterAll(closeCompiler);

async function start(schedule: Schedule, parkAboveMs?: number): Promise<Started> {
  const clock = new FakeClock();
  const scheduler = new ForgetfulScheduler(clock);
  const pool = new ScriptedPool();
  const store = new CommandedStore(new MemoryStateStore());
  const made = createRegistry({ clock, scheduler, pool, store, ...(parkAboveMs === undefined ? {} : { parkAboveMs }) });
  await made.registry.deploy(workerOf('w', 'export function tick() {}', { schedule }));
  await made.registry.startWorker('default/w');
  await clock.advanceAsync(1);
  return {
    ...made,
    clock,
    scheduler,
    pool,
    store,
    repairs: () => made.engineLog.filter((line) => line.includes('overdue')),
  };
}

/** In steps, as time passes: what the worker does meanwhile takes turns of the event loop. */
async function pass(clock: FakeClock, ms: number, stepMs = 100): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) await clock.advanceAsync(Math.min(stepMs, left));
}

const every = (intervalMs: number): Schedule => ({ kind: 'interval', intervalMs });

describe('a worker whose arming was lost', () => {
  test('is woken after three intervals, told in the log, and ticks on its grid again, with the lost slots counted', async () => {
    const { clock, scheduler, ticks, repairs, registry } = await start(every(1_000));
    await pass(clock, 2_000);
    expect(ticks.map(({ skipped }) => skipped)).toEqual([0, 0, 0]);
    scheduler.forget = 1;
    await pass(clock, 3_900);
    expect(ticks.length).toBe(4);
    expect(repairs()).toEqual([]);
    await pass(clock, 4_100);
    expect(repairs()).toHaveLength(1);
    expect(repairs()[0]).toMatch(/^warn: worker default\/w \(waiting\) was overdue by \d+ ms and was woken$/);
    const [first, repaired, next] = [ticks[0], ticks[4], ticks[5]];
    expect(repaired?.skipped).toBeGreaterThanOrEqual(3);
    expect(((repaired?.dueAt ?? 0) - (first?.dueAt ?? 0)) % 1_000).toBe(0);
    expect(registry.status('default/w')).toMatchObject({ state: 'waiting', skipped: repaired?.skipped });
    expect(next?.skipped).toBe(0);
  });

  test('of a cron expression is woken too', async () => {
    const { clock, scheduler, ticks, repairs } = await start({
      kind: 'cron',
      expression: '*/10 * * * * *',
      timezone: 'UTC',
      catchUp: 'none',
    });
    await pass(clock, 20_000, 1_000);
    expect(ticks.length).toBe(2);
    scheduler.forget = 1;
    await pass(clock, 120_000, 1_000);
    expect(repairs()).toHaveLength(1);
    expect(ticks.length).toBeGreaterThan(3);
  });

  test('while it is parked is loaded again', async () => {
    const { clock, scheduler, ticks, repairs, states } = await start(every(600_000), 10_000);
    await pass(clock, 580_000, 10_000);
    expect(states.at(-1)?.to).toBe('parked');
    await pass(clock, 20_000, 1_000);
    expect(ticks.length).toBe(2);
    await pass(clock, 580_000, 10_000);
    expect(states.at(-1)?.to).toBe('parked');
    // Whoever is woken asks again, and is forgotten again.
    scheduler.forget = 1;
    await pass(clock, 16_000, 1_000);
    expect(states.at(-1)?.to).toBe('waiting');
    await pass(clock, 120_000, 1_000);
    expect(repairs()).toHaveLength(1);
    await pass(clock, 600_000, 1_000);
    expect(ticks.length).toBe(3);
  });

  test('together with every other, when the one timer of the scheduler never comes, is repaired as well', async () => {
    const { clock, ticks, repairs } = await start(every(1_000));
    await pass(clock, 2_000);
    clock.loseNext();
    await pass(clock, 3_000);
    expect(ticks.length).toBe(3);
    await pass(clock, 5_000);
    expect(repairs()).toHaveLength(1);
    expect(ticks.length).toBeGreaterThan(4);
  });
});

describe('a worker that is well is never repaired', () => {
  test('with a tick that takes ten intervals', async () => {
    const { clock, pool, ticks, repairs } = await start(every(1_000));
    pool.onRun = (end) => void clock.after(10_300, end);
    await pass(clock, 60_000);
    expect(ticks.length).toBeGreaterThan(5);
    expect(repairs()).toEqual([]);
  });

  test('with a store that takes longer than three intervals for every commit', async () => {
    const { clock, store, ticks, repairs } = await start(every(1_000));
    for (let i = 0; i < 5; i++) {
      let open: () => void = () => undefined;
      store.gate = new Promise((resolve) => {
        open = resolve;
      });
      await pass(clock, 7_000);
      open();
      store.gate = null;
      await settle();
      await pass(clock, 1_000);
    }
    expect(ticks.length).toBeGreaterThanOrEqual(5);
    expect(repairs()).toEqual([]);
  });

  test('with a store that is away for a minute', async () => {
    const { clock, store, ticks, repairs, registry } = await start(every(1_000));
    store.fate = 'refuse';
    await pass(clock, 60_000, 500);
    expect(registry.status('default/w').state).toBe('paused');
    store.fate = 'ok';
    await pass(clock, 5_000);
    expect(ticks.length).toBeGreaterThan(3);
    expect(repairs()).toEqual([]);
  });

  test('over 200 ticks at the smallest interval', async () => {
    const { clock, ticks, repairs } = await start(every(10));
    await pass(clock, 2_100, 5);
    expect(ticks.length).toBeGreaterThan(200);
    expect(repairs()).toEqual([]);
  });
});

describe('the reconciler', () => {
  test('looks every two seconds, but not when the node itself has stood still', () => {
    const clock = new FakeClock();
    let looks = 0;
    const stop = startReconciler(clock, () => {
      looks += 1;
    });
    clock.advance(3 * RECONCILE_MS);
    expect(looks).toBe(3);
    // Everything stands still: no timer fires, then all fire late.
    clock.stall(70_000);
    clock.advance(0);
    expect(looks).toBe(3);
    clock.advance(RECONCILE_MS);
    expect(looks).toBe(4);
    stop();
    clock.advance(10 * RECONCILE_MS);
    expect(looks).toBe(4);
    expect(clock.pending).toBe(0);
  });
});
