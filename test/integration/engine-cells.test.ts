import { describe, expect, test } from 'vitest';
import { type Engine, FAST, startEngine, workerOf } from '../support/engine.ts';

const COUNTER = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;

/** Grows past its own limit in ordinary ways: V8 stops only this isolate. */
const GLUTTON = `
export function tick(ctx) {
  ctx.state.set('began', ctx.worker.tick);
  const hoard = [];
  for (;;) hoard.push('x'.repeat(1000) + hoard.length);
}
`;

/** V8 cannot go on and takes the whole process with it. */
const CATASTROPHE = `
export function tick(ctx) {
  ctx.state.set('began', ctx.worker.tick);
  Array.from({ length: 2 ** 32 - 1 });
}
`;

const cellOf = (engine: Engine, worker: string): number => {
  const pid = engine.runtime.worker(worker).cell;
  if (pid === null) throw new Error(`${worker} has no cell`);
  return pid;
};

describe('the memory of a worker', () => {
  test('over its limit ends its tick as memory, keeps its writes, and the neighbour in the same cell goes on', async () => {
    const engine = await startEngine();
    await engine.run('neighbour', COUNTER);
    await engine.run('w', `${GLUTTON} export function on_error(ctx, error) { ctx.state.set('heard', error.name); }`, {
      memoryBytes: 16 * 1024 * 1024,
      maxErrors: 2,
    });
    const tick = await engine.next('tick', ({ worker }) => worker === 'default/w');
    expect(tick).toMatchObject({ outcome: 'memory', errorCode: 'MEMORY_LIMIT' });
    await engine.inState('w', 'failed');
    expect(await engine.runtime.readState('w')).toEqual({ began: 2, heard: 'MemoryError' });
    await engine.okTicks('neighbour', 2);
    expect(engine.runtime.worker('neighbour').consecutiveErrors).toBe(0);
    expect(
      engine.ticks.filter(({ worker, errorCode }) => worker === 'default/neighbour' && errorCode !== null),
    ).toEqual(
      engine.ticks.filter(({ worker, errorCode }) => worker === 'default/neighbour' && errorCode === 'CELL_LOST'),
    );
  });

  test('in a way that kills the cell charges the culprit once per death; its neighbours tick on within 5 s, uncharged', {
    timeout: 60_000,
  }, async () => {
    const engine = await startEngine();
    const neighbours = ['n1', 'n2', 'n3', 'n4'];
    for (const name of neighbours) await engine.run(name, COUNTER);
    await Promise.all(neighbours.map((name) => engine.okTicks(name)));
    await engine.run('bad', CATASTROPHE, { maxErrors: 2 });
    const failed = engine.inState('bad', 'failed', 30_000);
    await engine.next('cell', ({ event }) => event === 'lost');
    await Promise.all(
      neighbours.map((name) =>
        engine.next('tick', ({ worker, outcome }) => worker === `default/${name}` && outcome === 'ok', 5_000),
      ),
    );
    await failed;
    expect(engine.runtime.worker('bad')).toMatchObject({ consecutiveErrors: 2 });
    const charged = engine.ticks.filter(
      ({ worker, outcome, errorCode }) => worker === 'default/bad' && outcome !== 'ok' && errorCode !== 'CELL_LOST',
    );
    expect(charged).toHaveLength(2);
    for (const name of neighbours) {
      await engine.runtime.stopWorker(name);
      expect(engine.runtime.worker(name).consecutiveErrors).toBe(0);
      const list = engine.ticks.filter(({ worker }) => worker === `default/${name}`);
      expect(list.filter(({ errorCode }) => errorCode !== null && errorCode !== 'CELL_LOST')).toEqual([]);
      expect((await engine.runtime.readState(name))['n']).toBe(list.filter(({ outcome }) => outcome === 'ok').length);
    }
    expect((await engine.runtime.readState('bad'))['began']).toBeGreaterThan(0);
  });

  test('in Python over its limit is a MemoryError in a fresh interpreter next time', { timeout: 60_000 }, async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `
def tick(ctx):
    ctx.state.set("began", ctx.worker.tick)
    hoard = []
    while True:
        hoard.append(bytearray(8 * 1024 * 1024))

def on_error(ctx, error):
    ctx.state.set("heard", type(error).__name__)
`,
      { maxErrors: 1, memoryBytes: 128 * 1024 * 1024 },
    );
    await engine.inState('w', 'failed', 40_000);
    expect(engine.ticks[0]).toMatchObject({ outcome: 'memory', errorCode: 'MEMORY_LIMIT' });
    expect(await engine.runtime.readState('w')).toEqual({ began: 1, heard: 'MemoryError' });
    // V8 refuses more pages. Otherwise the node would find the whole cell too large, and kill it.
    expect(engine.cells.filter(({ event }) => event === 'lost')).toEqual([]);
  });
});

describe('cells', () => {
  test('hold workers of one language and one workspace', { timeout: 60_000 }, async () => {
    const engine = await startEngine();
    await engine.run('a', COUNTER);
    await engine.run('b', COUNTER);
    await engine.run('py', `def tick(ctx):\n    ctx.state.set("n", 1)\n`);
    await engine.runtime.deploy({
      name: 'c',
      workspace: 'other',
      source: { kind: 'files', entry: 'c.js', files: [{ path: 'c.js', text: COUNTER }] },
    });
    await engine.runtime.startWorker('other/c');
    await engine.next('tick', ({ worker }) => worker === 'other/c');
    if (engine.runtime.worker('py').tick === 0) await engine.okTicks('py');
    expect(cellOf(engine, 'a')).toBe(cellOf(engine, 'b'));
    expect(new Set(['a', 'py', 'other/c'].map((name) => cellOf(engine, name))).size).toBe(3);
    const cells = engine.runtime.status().cells.map(({ workspace, backend, workers }) => [workspace, backend, workers]);
    expect(cells.sort()).toEqual([
      ['default', 'isolate', 2],
      ['default', 'pyodide', 1],
      ['other', 'isolate', 1],
    ]);
  });

  test('of their own go to workers with isolation dedicated, who lose nothing with the others’ cell', async () => {
    const engine = await startEngine();
    await engine.run('shared', COUNTER);
    await engine.run('alone', COUNTER, { isolation: 'dedicated' });
    await Promise.all([engine.okTicks('shared'), engine.okTicks('alone')]);
    expect(cellOf(engine, 'alone')).not.toBe(cellOf(engine, 'shared'));
    expect(
      engine.runtime
        .status()
        .cells.map(({ purpose }) => purpose)
        .sort(),
    ).toEqual(['dedicated', 'shared']);
    process.kill(cellOf(engine, 'shared'), 'SIGKILL');
    await engine.okTicks('shared', 2);
    expect(
      engine.ticks.filter(({ worker }) => worker === 'default/alone').every(({ outcome }) => outcome === 'ok'),
    ).toBe(true);
    await engine.runtime.reconfigure('shared', { isolation: 'dedicated' });
    await engine.okTicks('shared', 2);
    expect(engine.runtime.worker('shared').consecutiveErrors).toBe(0);
    expect(
      engine.runtime.status().cells.filter(({ purpose, workers }) => purpose === 'dedicated' && workers === 1),
    ).toHaveLength(2);
    // And back, into one cell together.
    for (const name of ['alone', 'shared']) await engine.runtime.reconfigure(name, { isolation: 'shared' });
    await Promise.all([engine.okTicks('shared', 2), engine.okTicks('alone', 2)]);
    expect(cellOf(engine, 'alone')).toBe(cellOf(engine, 'shared'));
  });

  test('killed while nobody runs in them come back for the next slot without anybody noticing', async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTER, { schedule: { kind: 'interval', intervalMs: 1_000 } });
    await engine.okTicks('w');
    await engine.inState('w', 'waiting');
    const pid = cellOf(engine, 'w');
    process.kill(pid, 'SIGKILL');
    await engine.okTicks('w', 2);
    expect(cellOf(engine, 'w')).not.toBe(pid);
    expect(engine.ticks.map(({ tick, outcome }) => [tick, outcome])).toEqual([
      [1, 'ok'],
      [2, 'ok'],
      [3, 'ok'],
    ]);
  });

  test('lost between two ticks run the module body again, then resume, and never setup', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `let bound = null;
       export function setup(ctx) { ctx.state.set('setups', ctx.state.get('setups', 0) + 1); bound = 'setup'; }
       export function resume(ctx) { ctx.state.set('resumes', ctx.state.get('resumes', 0) + 1); bound = 'resume'; }
       export function tick(ctx) { ctx.state.update({ bound, by: ctx.worker.startedBy }); }`,
    );
    await engine.okTicks('w', 2);
    expect(await engine.runtime.readState('w')).toEqual({ setups: 1, bound: 'setup', by: 'start' });
    process.kill(cellOf(engine, 'w'), 'SIGKILL');
    await engine.inState('w', 'recovering');
    await engine.okTicks('w');
    expect(await engine.runtime.readState('w')).toEqual({ setups: 1, resumes: 1, bound: 'resume', by: 'cell-lost' });
  });

  test('lost under a setup that binds globals run it again, and the log says why', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `let bound = 0;
       export function setup(ctx) { bound = ctx.state.get('setups', 0) + 1; ctx.state.set('setups', bound); }
       export function tick(ctx) { ctx.state.set('bound', bound); }`,
    );
    await engine.okTicks('w');
    process.kill(cellOf(engine, 'w'), 'SIGKILL');
    await engine.inState('w', 'recovering');
    await engine.okTicks('w');
    expect(await engine.runtime.readState('w')).toEqual({ setups: 2, bound: 2 });
    expect(engine.lines('w').join('\n')).toContain('setup runs again');
  });

  test('lost during a setup run it again as the same start, and charge nobody', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export async function setup(ctx) {
         ctx.state.set('begun', ctx.state.get('begun', 0) + 1);
         await ctx.state.flush();
         if (ctx.state.get('begun') === 1) await new Promise((done) => setTimeout(done, 30000));
         ctx.state.set('done', true);
       }
       export function tick(ctx) { ctx.state.set('ticked', ctx.worker.startedBy); }`,
    );
    await engine.next('state', ({ changes }) => changes.some(({ key }) => key === 'begun'));
    process.kill(cellOf(engine, 'w'), 'SIGKILL');
    await engine.okTicks('w');
    expect(await engine.runtime.readState('w')).toMatchObject({ begun: 2, done: true });
    expect(engine.runtime.worker('w')).toMatchObject({ consecutiveErrors: 0 });
    expect(engine.ticks[0]).toMatchObject({ fn: 'setup', outcome: 'cell-lost', errorCode: 'CELL_LOST' });
    expect(engine.lines('w').join()).toContain('no fault of this worker');
  });

  test('lost while a worker’s on_error runs charge its tick once', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function tick(ctx) {
         if (ctx.state.get('failed')) return;
         ctx.state.set('failed', true);
         throw new Error('once');
       }
       export async function on_error(ctx) {
         ctx.state.set('handling', true);
         await ctx.state.flush();
         await new Promise((done) => setTimeout(done, 30000));
       }`,
    );
    await engine.next('state', ({ changes }) => changes.some(({ key }) => key === 'handling'));
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(1);
    process.kill(cellOf(engine, 'w'), 'SIGKILL');
    await engine.okTicks('w');
    expect(engine.ticks.map(({ outcome }) => outcome).slice(0, 2)).toEqual(['error', 'ok']);
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(0);
  });

  test('at cells.max do not keep a running worker from new code', async () => {
    const engine = await startEngine({ cells: { max: 1 } });
    await engine.run('w', `export function tick(ctx) { ctx.state.set('v', 1); }`, FAST);
    await engine.okTicks('w');
    await engine.runtime.deploy(workerOf('w', `export function tick(ctx) { ctx.state.set('v', 2); }`, FAST));
    await engine.okTicks('w');
    expect(await engine.runtime.readState('w')).toEqual({ v: 2 });
  });

  test('beyond cells.max are refused with a clear reason, and the worker comes in when there is room', {
    timeout: 60_000,
  }, async () => {
    const engine = await startEngine({ cells: { max: 1 } });
    await engine.run('first', COUNTER, { isolation: 'dedicated' });
    await engine.okTicks('first');
    await engine.run('second', COUNTER, { isolation: 'dedicated' });
    await engine.inState('second', 'recovering');
    expect(engine.runtime.worker('second').reason).toContain('cells.max');
    await engine.runtime.stopWorker('first');
    await engine.next('tick', ({ worker, outcome }) => worker === 'default/second' && outcome === 'ok', 20_000);
    expect(engine.runtime.worker('second').consecutiveErrors).toBe(0);
  });

  test('that lose a worker which loops beyond everything keep the lateness of its neighbours small', async () => {
    const engine = await startEngine();
    await engine.run('quick', COUNTER);
    await engine.run('loop', `export function tick() { for (;;); }`, { tickTimeoutMs: 1_500, maxErrors: 1 });
    await engine.inState('loop', 'ticking');
    await engine.inState('loop', 'failed');
    const late = engine.ticks.filter(({ worker }) => worker === 'default/quick').map(({ latenessMs }) => latenessMs);
    expect(late.length).toBeGreaterThan(15);
    expect(late.sort((a, b) => a - b)[Math.floor(late.length * 0.9)]).toBeLessThan(250);
  });
});
