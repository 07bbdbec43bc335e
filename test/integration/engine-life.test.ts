import { describe, expect, test } from 'vitest';
import { startEngine, workerOf } from '../support/engine.ts';
import { folderWith } from '../support/folder.ts';

const COUNTER = `
export function setup(ctx) {
  ctx.state.set('setups', ctx.state.get('setups', 0) + 1);
}
export function tick(ctx) {
  ctx.state.set('n', ctx.state.get('n', 0) + 1);
}
`;

const RESUMING = `
let bound = null;
export function setup(ctx) {
  ctx.state.set('setups', ctx.state.get('setups', 0) + 1);
  bound = 'by setup';
}
export function resume(ctx) {
  ctx.state.set('resumes', ctx.state.get('resumes', 0) + 1);
  bound = 'by resume';
}
export function tick(ctx) {
  ctx.state.set('bound', bound);
}
`;

const BINDING = `
let bound = null;
export function setup(ctx) {
  ctx.state.set('setups', ctx.state.get('setups', 0) + 1);
  bound = 'by setup';
}
export function tick(ctx) {
  ctx.state.set('bound', bound);
}
`;

const PYTHON = `
def setup(ctx):
    ctx.state.set("setups", ctx.state.get("setups", 0) + 1)

def tick(ctx):
    ctx.state.set("n", ctx.state.get("n", 0) + 1)
`;

describe.each([
  ['JavaScript', COUNTER],
  ['Python', PYTHON],
])('the life of a worker in %s', (_language, code) => {
  test('setup runs once per start, not again over a restart of the node, and state and tick numbers go on', {
    timeout: 60_000,
  }, async () => {
    const dataDir = folderWith();
    const first = await startEngine({ dataDir });
    await first.run('w', code);
    const before = await first.okTicks('w', 3);
    await first.stop();
    const second = await startEngine({ dataDir });
    await second.runtime.deploy(workerOf('w', code));
    const after = await second.okTicks('w', 2);
    const state = await second.runtime.readState('w');
    expect(state['setups']).toBe(1);
    expect(Number(state['n'])).toBeGreaterThanOrEqual(5);
    expect(after.tick).toBeGreaterThan(before.tick);
    await second.runtime.restartWorker('w');
    await second.okTicks('w');
    expect((await second.runtime.readState('w'))['setups']).toBe(2);
  });
});

describe('the life of a worker', () => {
  test('after a restart of the node resume binds what setup bound', async () => {
    const dataDir = folderWith();
    const first = await startEngine({ dataDir });
    await first.run('w', RESUMING);
    await first.okTicks('w', 2);
    expect(await first.runtime.readState('w')).toEqual({ setups: 1, bound: 'by setup' });
    await first.stop();
    const second = await startEngine({ dataDir });
    await second.runtime.deploy(workerOf('w', RESUMING));
    await second.okTicks('w', 1);
    expect(await second.runtime.readState('w')).toEqual({ setups: 1, resumes: 1, bound: 'by resume' });
    expect(second.lines('w').join('\n')).not.toContain('binds globals');
  });

  test('a setup that binds globals and has no resume runs again, and its log says so both times', async () => {
    const dataDir = folderWith();
    const first = await startEngine({ dataDir });
    await first.run('w', BINDING);
    await first.okTicks('w', 2);
    expect(first.lines('w').filter((line) => line.includes('setup binds globals'))).toHaveLength(1);
    await first.stop();
    const second = await startEngine({ dataDir });
    await second.runtime.deploy(workerOf('w', BINDING));
    await second.okTicks('w', 1);
    expect(await second.runtime.readState('w')).toEqual({ setups: 2, bound: 'by setup' });
    expect(second.lines('w')).toEqual([expect.stringContaining('setup runs again')]);
  });

  test('the first tick comes right after setup, whatever the interval is', async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTER, { schedule: { kind: 'interval', intervalMs: 3_600_000 } });
    const tick = await engine.okTicks('w');
    expect(tick.tick).toBe(1);
    await engine.inState('w', 'waiting');
    expect(engine.runtime.worker('w').nextTickAt ?? 0).toBeGreaterThan(Date.now() + 3_000_000);
  });

  test('a failing setup goes to on_error, is tried again, and no tick comes before it succeeded', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function setup(ctx) {
         const tries = ctx.state.get('tries', 0) + 1;
         ctx.state.set('tries', tries);
         if (tries < 2) throw new Error('not yet ' + tries);
       }
       export function tick(ctx) { ctx.state.set('ticked', true); }
       export function on_error(ctx, error) { ctx.state.set('heard', error.message); }`,
    );
    await engine.inState('w', 'backoff');
    expect(await engine.runtime.readState('w')).toEqual({ tries: 1, heard: 'not yet 1' });
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(1);
    await engine.okTicks('w');
    expect(await engine.runtime.readState('w')).toEqual({ tries: 2, heard: 'not yet 1', ticked: true });
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(0);
    expect(engine.ticks.map(({ fn, outcome }) => [fn, outcome]).slice(0, 2)).toEqual([
      ['setup', 'error'],
      ['tick', 'ok'],
    ]);
  });

  test('a setup that never succeeds stops the worker as failed at maxErrors, without a single tick', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function setup() { throw new TypeError('never'); }
       export function tick(ctx) { ctx.state.set('ticked', true); }`,
      { maxErrors: 2 },
    );
    await engine.inState('w', 'failed');
    const status = engine.runtime.worker('w');
    expect(status).toMatchObject({ consecutiveErrors: 2, tick: 0, desired: 'running', cell: null });
    expect(status.reason).toContain('never');
    expect(await engine.runtime.readState('w')).toEqual({});
  });

  test('a stopped worker stays stopped over a restart of the node and keeps its state', async () => {
    const dataDir = folderWith();
    const first = await startEngine({ dataDir });
    await first.run('w', COUNTER);
    await first.okTicks('w', 2);
    const stopped = await first.runtime.stopWorker('w');
    expect(stopped).toMatchObject({ state: 'stopped', desired: 'stopped', cell: null });
    const state = await first.runtime.readState('w');
    await first.stop();
    const second = await startEngine({ dataDir });
    expect(await second.runtime.deploy(workerOf('w', COUNTER))).toMatchObject({ state: 'stopped', tick: stopped.tick });
    expect(await second.runtime.readState('w')).toEqual(state);
    await second.runtime.startWorker('w');
    await second.okTicks('w');
    const after = await second.runtime.readState('w');
    expect(after['setups']).toBe(2);
    expect(Number(after['n'])).toBeGreaterThan(Number(state['n']));
  });

  test('a worker that ticks with cron in six fields ticks at whole seconds', { timeout: 20_000 }, async () => {
    const engine = await startEngine();
    const schedule = { kind: 'cron', expression: '* * * * * *', timezone: 'UTC', catchUp: 'none' } as const;
    await engine.run('w', COUNTER, { schedule });
    await engine.okTicks('w', 4);
    const [, ...rest] = engine.ticks.filter(({ fn }) => fn === 'tick');
    expect(rest.map(({ dueAt }) => dueAt % 1_000)).toEqual([0, 0, 0]);
    const gaps = rest.slice(1).map(({ dueAt }, i) => dueAt - (rest[i]?.dueAt ?? 0));
    expect(gaps).toEqual([1_000, 1_000]);
  });

  test('ticks lie on the grid, never overlap, and skipped slots are counted', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `let inside = 0;
       export async function tick(ctx) {
         inside += 1;
         if (inside > 1) throw new Error('two ticks at once');
         await new Promise((done) => setTimeout(done, 120));
         inside -= 1;
       }`,
      { maxErrors: 1 },
    );
    await engine.okTicks('w', 5);
    const list = engine.ticks.filter(({ fn }) => fn === 'tick');
    for (const [i, tick] of list.slice(1).entries()) {
      const previous = list[i];
      expect(tick.startedAt).toBeGreaterThanOrEqual((previous?.startedAt ?? 0) + (previous?.durationMs ?? 0) - 2);
      expect(tick.tick).toBe((previous?.tick ?? 0) + 1);
      if (i > 0) expect(Math.round((tick.dueAt - (previous?.dueAt ?? 0)) / 50)).toBe(tick.skipped + 1);
    }
    expect(engine.runtime.worker('w').skipped).toBeGreaterThanOrEqual(4);
  });
});
