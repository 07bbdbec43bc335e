import { expect, test } from 'vitest';
import { type Engine, startEngine } from '../support/engine.ts';
import { JumpClock } from '../support/jump-clock.ts';

const TEN_MINUTES = { schedule: { kind: 'interval', intervalMs: 600_000 } } as const;

const RESUMES = `
bound = None

def setup(ctx):
    global bound
    bound = "setup"
    ctx.state.set("setups", ctx.state.get("setups", 0) + 1)

def resume(ctx):
    global bound
    bound = "resume"
    ctx.state.set("resumes", ctx.state.get("resumes", 0) + 1)

def tick(ctx):
    ctx.state.update({"n": ctx.state.get("n", 0) + 1, "bound": bound, "by": ctx.worker.started_by})
`;

/** Its globals come from setup, and nothing brings them back. */
const BINDS = `
bound = 0

def setup(ctx):
    global bound
    bound = 1
    ctx.state.set("setups", ctx.state.get("setups", 0) + 1)

def tick(ctx):
    ctx.state.update({"n": ctx.state.get("n", 0) + 1, "bound": bound})
`;

function dueInMs(engine: Engine, clock: JumpClock, name: string): number {
  const { nextTickAt } = engine.runtime.worker(name);
  if (nextTickAt === null) throw new Error(`${name} has no next tick`);
  return nextTickAt - clock.wallMs();
}

test('a Python worker with a long interval gives its memory back and is there again for its next tick', {
  timeout: 60_000,
}, async () => {
  const clock = new JumpClock();
  const engine = await startEngine({ clock, cells: { residentPython: 1 } });
  const { runtime } = engine;
  await engine.run('stays', BINDS, TEN_MINUTES);
  await engine.okTicks('stays');
  await engine.inState('stays', 'waiting');
  // One may stay: the second is one too many.
  await engine.run('w', RESUMES, TEN_MINUTES);
  await engine.inState('w', 'parked');
  expect(runtime.worker('w')).toMatchObject({ cell: null, tick: 1 });
  expect(runtime.status().cells.map(({ workers }) => workers)).toEqual([1]);
  expect(await runtime.readState('w')).toEqual({ setups: 1, n: 1, bound: 'setup', by: 'start' });

  // A change of its state goes into the store alone and wakes nobody; one that is loaded takes it at once.
  expect(await runtime.writeState('w', [{ key: 'given', value: 1 }])).toMatchObject({ live: false });
  expect(await runtime.readState('w')).toMatchObject({ given: 1, n: 1 });
  expect(await runtime.writeState('w', [{ key: 'given', deleted: true }])).toMatchObject({ live: false });
  expect(runtime.worker('w')).toMatchObject({ state: 'parked', cell: null });
  expect(await runtime.writeState('stays', [{ key: 'given', value: 1 }])).toMatchObject({ live: true });
  await runtime.writeState('stays', [{ key: 'given', deleted: true }]);

  // Five seconds before it is due it is loaded, not earlier.
  clock.jump(dueInMs(engine, clock, 'w') - 6_000);
  await engine.inState('stays', 'waiting');
  expect(runtime.worker('w').state).toBe('parked');
  const loaded = engine.next('worker', ({ worker, to }) => worker === 'default/w' && to === 'waiting');
  const from = performance.now();
  clock.jump(1_050);
  await loaded;
  const tookMs = performance.now() - from;
  expect(runtime.worker('w').tick).toBe(1);
  expect(await runtime.readState('w')).toMatchObject({ setups: 1, resumes: 1, n: 1 });
  const left = dueInMs(engine, clock, 'w');
  // Booted within the lead, the tick is in time; what a busy machine needs longer is all that it is late by.
  expect(left).toBeGreaterThan(4_900 - tookMs - 500);
  const ticked = engine.okTicks('w');
  clock.jump(Math.max(0, left - 300));
  const tick = await ticked;
  expect(tick.latenessMs).toBeLessThan(Math.max(500, tookMs));
  expect(tick).toMatchObject({ tick: 2, skipped: 0 });
  expect(await runtime.readState('w')).toEqual({ setups: 1, resumes: 1, n: 2, bound: 'resume', by: 'parked' });

  // And again; the one that cannot get its globals back was never asked to go.
  await engine.inState('w', 'parked');
  clock.jump(1_000);
  await expect.poll(() => runtime.worker('stays').tick, { timeout: 10_000 }).toBe(2);
  expect(await runtime.readState('stays')).toEqual({ setups: 1, n: 2, bound: 1 });
  expect(engine.states.filter(({ worker, to }) => worker === 'default/stays' && to === 'parked')).toEqual([]);
  expect(runtime.worker('w').consecutiveErrors).toBe(0);

  // A parked worker hears what it is told.
  await runtime.reconfigure('w', { schedule: { kind: 'interval', intervalMs: 1_000 } });
  await engine.okTicks('w', 2);
  await runtime.reconfigure('w', TEN_MINUTES);
  await engine.inState('w', 'parked');
  expect(await runtime.stopWorker('w')).toMatchObject({ state: 'stopped' });
  expect(await runtime.readState('w')).toMatchObject({ setups: 1, resumes: 2 });
});
