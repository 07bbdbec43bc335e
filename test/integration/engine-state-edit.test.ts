/** People change the state of workers: between two ticks of those that run, in the store of those that do not. */
import { describe, expect, test } from 'vitest';
import { MemoryStateStore } from '../../src/store/memory.ts';
import { type Engine, id, startEngine, workerOf } from '../support/engine.ts';
import { CommandedStore } from '../support/stores.ts';

/** Counts, sees a key of somebody else, and has a global that a reload would reset. */
const COUNTERS = {
  javascript: `let loads = 0;
    export function setup(ctx) { loads += 1; }
    export function tick(ctx) {
      loads += 1;
      ctx.state.set('n', ctx.state.get('n', 0) + 1);
      ctx.state.set('saw', ctx.state.get('given', null));
      ctx.state.set('loads', loads);
    }`,
  python: `loads = 0
def setup(ctx):
    global loads
    loads += 1
def tick(ctx):
    global loads
    loads += 1
    ctx.state.set("n", ctx.state.get("n", 0) + 1)
    ctx.state.set("saw", ctx.state.get("given"))
    ctx.state.set("loads", loads)
`,
} as const;
const LANGUAGES = ['javascript', 'python'] as const;

async function number(engine: Engine, key: string): Promise<number> {
  return (await engine.runtime.readState('w'))[key] as number;
}

/** Longer than one test needs: cells, and the snapshot of Python. */
const LONG = { timeout: 60_000 };

describe.each(LANGUAGES)('a running worker in %s', (language) => {
  test('sees a changed key in its next tick, keeps its globals, and no tick is lost', LONG, async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTERS[language]);
    await engine.okTicks('w', 2);
    const written = await engine.runtime.writeState('w', [
      { key: 'given', value: { a: [1, 'é'] } },
      { key: 'gone', value: 1 },
    ]);
    expect(written.live).toBe(true);
    expect(await engine.runtime.readState('w')).toMatchObject({ given: { a: [1, 'é'] }, gone: 1 });
    await engine.okTicks('w', 2);
    const state = await engine.runtime.readState('w');
    expect(state).toMatchObject({ saw: { a: [1, 'é'] }, gone: 1 });
    // One more than ticks: setup ran once, and the module was loaded once.
    expect(state['loads']).toBe((state['n'] as number) + 1);
    await engine.runtime.writeState('w', [{ key: 'given', deleted: true }]);
    await engine.okTicks('w', 2);
    expect(await engine.runtime.readState('w')).toMatchObject({ saw: null });
    expect(await engine.runtime.readState('w')).not.toHaveProperty('given');
  });

  test('goes on from a changed counter, however small and well known the value is', LONG, async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTERS[language]);
    await engine.okTicks('w', 3);
    await engine.runtime.writeState('w', [{ key: 'n', value: 1_000 }]);
    await engine.okTicks('w', 2);
    expect(await number(engine, 'n')).toBeGreaterThanOrEqual(1_001);
    expect(await number(engine, 'n')).toBeLessThan(1_100);
  });

  test('gets another whole state, and nothing of the old one stays', LONG, async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTERS[language]);
    await engine.okTicks('w', 2);
    const before = await number(engine, 'loads');
    await engine.runtime.replaceState('w', [
      ['n', '50'],
      ['given', '0.1000000000000000055511151231257827'],
    ]);
    await engine.okTicks('w', 2);
    const state = await engine.runtime.readState('w');
    expect(Object.keys(state).sort()).toEqual(['given', 'loads', 'n', 'saw']);
    expect(state['n']).toBeGreaterThan(50);
    expect(state['loads']).toBeGreaterThan(before);
    // What nobody touched is stored as it was written.
    const { entries } = await engine.runtime.exportState('w');
    expect(new Map(entries).get('given')).toBe('0.1000000000000000055511151231257827');
  });

  test('loses nothing under 1,000 changes beside its ticks: its own counter, and every change', LONG, async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTERS[language], { schedule: { kind: 'interval', intervalMs: 10 } });
    await engine.okTicks('w');
    // Some at once, which are taken together, and one after the other.
    for (let from = 0; from < 1_000; from += 20)
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          engine.runtime.writeState('w', [{ key: `k${(from + i) % 50}`, value: from + i }]),
        ),
      );
    await engine.okTicks('w', 2);
    await engine.runtime.stopWorker('w');
    const state = await engine.runtime.readState('w');
    for (let key = 0; key < 50; key++) expect(state[`k${key}`]).toBe(950 + key);
    const ticks = engine.ticks.filter(({ fn, outcome }) => fn === 'tick' && outcome === 'ok').length;
    expect(ticks).toBeGreaterThan(10);
    expect(state['n']).toBe(ticks);
    expect(engine.runtime.worker('w').tick).toBe(ticks);
    expect(engine.engineLog.filter((line) => line.startsWith('error'))).toEqual([]);
  });
});

describe('a change of keys that the worker writes too', () => {
  test('is never torn, and never in the middle of a tick', LONG, async () => {
    const engine = await startEngine();
    // Whole means: both keys from the worker, or both from outside, within a tick and at its end.
    await engine.run(
      'w',
      `export async function tick(ctx) {
         const begin = [ctx.state.get('a', 0), ctx.state.get('b', 0)];
         await new Promise((done) => setTimeout(done, 5));
         const later = [ctx.state.get('a', 0), ctx.state.get('b', 0)];
         if (begin[0] !== begin[1] || begin[0] !== later[0] || later[0] !== later[1]) ctx.state.set('torn', [begin, later]);
         ctx.state.set('a', begin[0] + 1);
         await ctx.state.flush();
         ctx.state.set('b', begin[0] + 1);
         ctx.state.set('seen', Math.max(ctx.state.get('seen', 0), begin[0]));
       }`,
      { schedule: { kind: 'interval', intervalMs: 10 } },
    );
    for (let i = 1; i <= 100; i++) {
      const value = i * 1_000;
      await engine.runtime.writeState('w', [
        { key: 'a', value },
        { key: 'b', value },
      ]);
      const { a, b } = await engine.runtime.readState('w');
      // At most one tick has begun since.
      expect(Number(a) - value, `a=${String(a)}, b=${String(b)}`).toBeLessThan(20);
    }
    await engine.okTicks('w', 2);
    const state = await engine.runtime.readState('w');
    expect(state).not.toHaveProperty('torn');
    expect(state['seen']).toBeGreaterThanOrEqual(100_000);
  });

  test('waits for the tick in flight, and is refused when that takes longer than anybody waits', LONG, async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export async function tick(ctx) {
         ctx.state.set('at', ctx.worker.tick);
         ctx.log.info('ticking');
         await new Promise((done) => setTimeout(done, 400));
         ctx.state.set('end', ctx.state.get('given', 'nothing'));
       }`,
      { schedule: { kind: 'interval', intervalMs: 1_000 } },
    );
    await engine.next('log', ({ text }) => text === 'ticking');
    await engine.runtime.writeState('w', [{ key: 'given', value: 1 }]);
    expect(await engine.runtime.readState('w')).toMatchObject({ end: 'nothing', given: 1 });
    await engine.okTicks('w');
    expect(await engine.runtime.readState('w')).toMatchObject({ end: 1 });
  });
});

describe('a worker that does not run', () => {
  test('is changed in the store, stopped or failed, and its next start sees it', LONG, async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTERS.javascript);
    await engine.okTicks('w');
    await engine.runtime.stopWorker('w');
    expect(await engine.runtime.writeState('w', [{ key: 'n', value: 500 }])).toMatchObject({ live: false });
    await engine.runtime.startWorker('w');
    await engine.okTicks('w');
    expect(await number(engine, 'n')).toBeGreaterThan(500);
    await engine.run('bad', `export function tick(ctx) { if (!ctx.state.get('fixed')) throw new Error('no'); }`, {
      maxErrors: 1,
    });
    await engine.inState('bad', 'failed');
    await engine.runtime.writeState('bad', [{ key: 'fixed', value: true }]);
    await engine.runtime.startWorker('bad');
    await engine.okTicks('bad');
  });

  test('is changed where its code was not deployed since the start of the engine', LONG, async () => {
    const first = await startEngine();
    await first.run('w', COUNTERS.javascript);
    await first.okTicks('w', 2);
    await first.stop();
    const second = await startEngine({ dataDir: first.dataDir });
    const before = await second.runtime.inspectState('w');
    expect(before).toMatchObject({ worker: 'default/w', intact: true, desired: 'running' });
    await second.runtime.writeState('w', [{ key: 'n', value: 700 }]);
    expect(await second.runtime.inspectState('w')).toMatchObject({
      revision: String(BigInt(before.revision) + 1n),
      tick: before.tick,
      intact: true,
    });
    await second.runtime.deploy(workerOf('w', COUNTERS.javascript));
    await second.okTicks('w');
    expect(await number(second, 'n')).toBeGreaterThan(700);
  });

  test('that nobody knows is made by a replacement with `create` alone', async () => {
    const engine = await startEngine();
    await expect(engine.runtime.writeState('new', [{ key: 'a', value: 1 }])).rejects.toMatchObject({
      code: 'WORKER_NOT_FOUND',
    });
    await expect(engine.runtime.replaceState('new', [['a', '1']])).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
    await engine.runtime.replaceState('new', [['a', '-0']], { create: true });
    expect(engine.runtime.worker('new').state).toBe('stopped');
    expect((await engine.runtime.exportState('new')).entries).toEqual([['a', '-0']]);
  });
});

describe('a change', () => {
  test('is refused where the worker itself could not have written it, and nothing of it is stored', async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTERS.javascript);
    await engine.okTicks('w');
    const { writeState, replaceState } = engine.runtime;
    const big = 'x'.repeat(500 * 1024);
    const cases: readonly (readonly [readonly unknown[], string, RegExp])[] = [
      [[{ key: 'k'.repeat(257), value: 1 }], 'STATE_LIMIT', /256 bytes/],
      [[{ key: 'é'.repeat(129), value: 1 }], 'STATE_LIMIT', /256 bytes/],
      [[{ key: 'big', value: `${big}${big}` }], 'STATE_LIMIT', /524288/],
      [[{ key: 'deep', json: `${'['.repeat(65)}${']'.repeat(65)}` }], 'STATE_LIMIT', /64 levels/],
      [[{ key: '\ud800', value: 1 }], 'BAD_ARGUMENT', /well-formed/],
      [[{ key: 'half', json: '"\ud800"' }], 'BAD_ARGUMENT', /well-formed/],
      [[{ key: 'nan', value: { a: Number.NaN } }], 'BAD_ARGUMENT', /NaN/],
      [[{ key: 'map', value: new Map() }], 'BAD_ARGUMENT', /Map/],
      [[{ key: 'none', value: undefined }], 'BAD_ARGUMENT', /undefined/],
      [[{ key: 'text', json: '{"a":' }], 'BAD_ARGUMENT', /not JSON/],
      [[{ key: 'text', json: '01' }], 'BAD_ARGUMENT', /not JSON/],
      [[{ key: 'nothing' }], 'BAD_ARGUMENT', /needs value/],
      [[7], 'BAD_ARGUMENT', /must be/],
      [Array.from({ length: 33 }, (_, i) => ({ key: `big${i}`, value: big })), 'STATE_LIMIT', /16777216/],
      [Array.from({ length: 10_001 }, (_, i) => ({ key: `k${i}`, value: 0 })), 'STATE_LIMIT', /at most 10000/],
    ];
    for (const [changes, code, message] of cases) {
      const refused = { code, message: expect.stringMatching(message) };
      const also = [{ key: 'also', value: 1 }, ...changes];
      await expect(writeState.call(engine.runtime, 'w', also as never), String(message)).rejects.toMatchObject(refused);
    }
    await expect(
      replaceState.call(engine.runtime, 'w', [
        ['a', '1'],
        ['a', '2'],
      ]),
    ).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await engine.okTicks('w');
    expect(Object.keys(await engine.runtime.readState('w')).sort()).toEqual(['loads', 'n', 'saw']);
  });

  test('is refused at once while the store is away, and nothing of it comes later', async () => {
    const store = new CommandedStore(new MemoryStateStore());
    const engine = await startEngine({ stateStore: store });
    await engine.run('w', COUNTERS.javascript);
    await engine.okTicks('w');
    store.fate = 'refuse';
    await engine.inState('w', 'paused');
    await expect(engine.runtime.writeState('w', [{ key: 'given', value: 1 }])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('Nothing was changed'),
    });
    store.fate = 'ok';
    await engine.okTicks('w', 2);
    expect(await engine.runtime.readState('w')).toMatchObject({ saw: null });
    await engine.runtime.writeState('w', [{ key: 'given', value: 1 }]);
    await engine.okTicks('w', 2);
    expect(await engine.runtime.readState('w')).toMatchObject({ saw: 1 });
  });

  test('reaches the worker whatever happens to its process meanwhile', LONG, async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTERS.javascript);
    await engine.okTicks('w');
    for (let round = 1; round <= 5; round++) {
      const pid = engine.runtime.worker('w').cell;
      const written = engine.runtime.writeState('w', [{ key: 'given', value: round }]);
      if (pid !== null) process.kill(pid, 'SIGKILL');
      await written;
      await engine.okTicks('w', 2);
      expect(await engine.runtime.readState('w')).toMatchObject({ saw: round });
    }
    const state = await engine.runtime.readState('w');
    const counted = engine.ticks.filter(({ fn, outcome }) => fn === 'tick' && outcome === 'ok').length;
    expect(state['n']).toBeGreaterThanOrEqual(counted);
  });

  test('is carried out in turn with orders to stop, start and deploy', LONG, async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTERS.javascript);
    await engine.okTicks('w');
    const { runtime } = engine;
    const orders: Promise<unknown>[] = [];
    for (let i = 1; i <= 12; i++) {
      orders.push(
        runtime.writeState('w', [
          { key: 'given', value: i },
          { key: `at${i}`, value: i },
        ]),
      );
      if (i % 4 === 0) orders.push(runtime.stopWorker('w'), runtime.startWorker('w'));
      else if (i % 4 === 1) orders.push(runtime.restartWorker('w'));
      else if (i % 4 === 2) orders.push(runtime.deploy(workerOf('w', `${COUNTERS.javascript}\n// ${i}`)));
    }
    await Promise.all(orders);
    await engine.okTicks('w', 2);
    const state = await runtime.readState('w');
    expect(state).toMatchObject({ given: 12, saw: 12 });
    for (let i = 1; i <= 12; i++) expect(state[`at${i}`]).toBe(i);
  });
});

describe('a rename', () => {
  test('takes state and life along, and refuses a worker that runs and a name that is taken', LONG, async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTERS.javascript);
    await engine.run('other', COUNTERS.javascript);
    await engine.okTicks('w', 2);
    const { runtime } = engine;
    await expect(runtime.renameWorker('w', 'v')).rejects.toMatchObject({ code: 'ILLEGAL_TRANSITION' });
    await runtime.stopWorker('w');
    await expect(runtime.renameWorker('w', 'other')).rejects.toMatchObject({ code: 'WORKER_EXISTS' });
    await expect(runtime.renameWorker('nobody', 'v')).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
    const { entries, tick } = await runtime.exportState('w');
    await runtime.renameWorker('w', 'v');
    expect(await runtime.exportState('v')).toMatchObject({ entries, tick });
    await expect(runtime.readState('w')).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
    await engine.run('v', COUNTERS.javascript);
    await engine.okTicks('v');
    expect((await runtime.readState('v'))['n']).toBe(runtime.worker('v').tick);
    expect(engine.states.filter(({ worker }) => worker === id('v')).length).toBeGreaterThan(0);
  });

  test('that was cut short between the new name and the old one is finished by the same order', async () => {
    const store = new CommandedStore(new MemoryStateStore());
    const engine = await startEngine({ stateStore: store });
    const { runtime } = engine;
    await runtime.replaceState('w', [['a', '1']], { create: true });
    const remove = store.remove.bind(store);
    store.remove = () => Promise.reject(new Error('cut'));
    await expect(runtime.renameWorker('w', 'v')).rejects.toThrow('cut');
    expect((await runtime.exportState('v')).entries).toEqual([['a', '1']]);
    expect((await runtime.exportState('w')).entries).toEqual([['a', '1']]);
    store.remove = remove;
    await runtime.renameWorker('w', 'v');
    expect(runtime.status().workers.map(({ name }) => name)).toEqual(['v']);
    expect((await runtime.exportState('v')).entries).toEqual([['a', '1']]);
  });
});
