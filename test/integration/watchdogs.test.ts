/**
 * Cells that hang in one way or another, played by fake-cell.ts, on a clock that jumps. The node ends them, charges whom it
 * can be sure of, and the workers go on in real cells.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { BOARD, GUEST_NOT_MADE } from '../../sandbox/protocol.ts';
import type { CellPool } from '../../src/supervisor/cell-pool.ts';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { FAST, id, workerOf } from '../support/engine.ts';
import type { Step } from '../support/fake-cell.ts';
import { createFakedPool, frame, HELLO, LOADED, STARTED, UNTIL_LOAD, UNTIL_RUN } from '../support/fake-launch.ts';
import { JumpClock } from '../support/jump-clock.ts';
import { createRegistry, type RegistryUnderTest } from '../support/registry.ts';

const COUNTER = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;
const line = (text: string): string =>
  `[{"kind":"stream","sandbox":"$sandbox","incarnation":"$incarnation","entries":[["l","info","${text}",null,1]]}]`;
/** Tells the test that everything before it was heard. */
const mark = (text: string): Step => frame(line(text));
const HUM: Step = { kind: 'hum', json: line('hum') };
const WAIT = { timeout: 15_000, interval: 10 };

afterAll(closeCompiler);

interface Started extends RegistryUnderTest {
  readonly clock: JumpClock;
  readonly pool: CellPool;
  readonly lost: readonly string[];
  run(name: string, tickTimeoutMs?: number): Promise<void>;
  heard(text: string): Promise<void>;
  /** The next word of a cell that hums. */
  hum(): Promise<void>;
  /** A good tick of the worker, in a real cell. */
  goesOn(name: string): Promise<void>;
  /** Ticks that were charged. */
  charged(): readonly (readonly [worker: string, code: string | null])[];
}

async function start(...fakes: readonly (readonly Step[])[]): Promise<Started> {
  const clock = new JumpClock();
  const { pool, lost } = await createFakedPool(fakes);
  const made = createRegistry({ pool, clock });
  const { registry, logs, ticks } = made;
  return {
    ...made,
    clock,
    pool,
    lost,
    async run(name, tickTimeoutMs = 60_000) {
      await registry.deploy({ ...workerOf(name, COUNTER), ...FAST, tickTimeoutMs });
      await registry.startWorker(id(name));
    },
    heard: (text) => expect.poll(() => logs.filter((log) => log.text === text).length, WAIT).toBeGreaterThan(0),
    async hum() {
      const before = logs.length;
      await expect.poll(() => logs.length, WAIT).toBeGreaterThan(before);
    },
    async goesOn(name) {
      const ok = (): boolean => ticks.some(({ worker, outcome }) => worker === id(name) && outcome === 'ok');
      await expect.poll(ok, WAIT).toBe(true);
      expect(registry.status(id(name)).consecutiveErrors).toBe(0);
    },
    charged: () =>
      ticks
        .filter(({ outcome, errorCode }) => outcome !== 'ok' && errorCode !== 'CELL_LOST')
        .map(({ worker, errorCode }) => [worker, errorCode]),
  };
}

describe('a run that the cell never starts', () => {
  test('in a cell that says nothing ends the cell after half a minute; the worker goes on in another, uncharged', async () => {
    const { run, clock, registry, lost, ticks, charged, goesOn, heard } = await start([...UNTIL_RUN, mark('read')]);
    await run('w', 100);
    await heard('read');
    registry.reconcile();
    clock.jump(119_000);
    registry.reconcile();
    expect(lost).toEqual([]);
    clock.jump(2_000);
    registry.reconcile();
    await goesOn('w');
    expect(lost).toEqual(['it did not start a run']);
    expect(ticks[0]).toMatchObject({ tick: 1, outcome: 'cell-lost', errorCode: 'CELL_LOST' });
    expect(charged()).toEqual([]);
  });

  test('in a cell that has much to do may wait for its turn, but not for ever', async () => {
    const { run, clock, registry, lost, charged, goesOn, heard, hum } = await start([...UNTIL_RUN, mark('read'), HUM]);
    await run('w', 100);
    await heard('read');
    for (let minute = 0; minute < 14; minute++) {
      clock.jump(60_000);
      await hum();
      registry.reconcile();
    }
    expect(lost).toEqual([]);
    clock.jump(61_000);
    await hum();
    registry.reconcile();
    await goesOn('w');
    expect(lost).toEqual(['it did not start a run']);
    expect(charged()).toEqual([]);
  });

  test('does not charge the one that ran beside it', async () => {
    const second = [
      STARTED,
      mark('first'),
      { kind: 'read', until: 'load' },
      LOADED,
      { kind: 'read', until: 'run' },
    ] as const;
    const { run, clock, registry, lost, charged, goesOn, heard } = await start([...UNTIL_RUN, ...second, mark('read')]);
    await run('runs', 600_000);
    await heard('first');
    await run('waits');
    await heard('read');
    registry.reconcile();
    clock.jump(121_000);
    registry.reconcile();
    await Promise.all([goesOn('runs'), goesOn('waits')]);
    expect(lost).toEqual(['it did not start a run']);
    expect(charged()).toEqual([]);
  });
});

describe('a run that waits', () => {
  test('for longer than a cell may be silent is left alone, and knows how much time it has left', async () => {
    const { registry, clock, lost, ticks, logs } = await start();
    const code = `export async function tick(ctx) {
      ctx.log.info('waits');
      await new Promise((resolve) => setTimeout(resolve, 400));
      ctx.log.info('waited');
    }`;
    await registry.deploy({ ...workerOf('patient', code), ...FAST, tickTimeoutMs: 120_000 });
    await registry.startWorker(id('patient'));
    await expect.poll(() => logs.some(({ text }) => text === 'waits'), WAIT).toBe(true);
    registry.reconcile();
    clock.jump(40_000);
    registry.reconcile();
    await expect.poll(() => logs.some(({ text }) => text === 'waited'), WAIT).toBe(true);
    await expect.poll(() => ticks[0]?.outcome, WAIT).toBe('ok');
    expect(lost).toEqual([]);
  });
});

describe('a run that the cell never ends', () => {
  test('is found on the board where the cell hung before it could say that it had begun', async () => {
    const inside: Step = { kind: 'board', words: [BOARD.WRITTEN, 1, 'sandbox', 'incarnation'] };
    const { run, clock, registry, lost, charged, goesOn, heard } = await start([...UNTIL_RUN, inside, mark('inside')]);
    await run('w', 1_000);
    await heard('inside');
    clock.jump(2_000);
    registry.reconcile();
    clock.jump(8_000);
    registry.reconcile();
    await goesOn('w');
    expect(lost).toEqual(['a run in it did not end in time']);
    expect(charged()).toEqual([[id('w'), 'TICK_TIMEOUT']]);
  });

  test('is a timeout of the worker that is alone in it, which goes on in another', async () => {
    const { run, clock, registry, lost, charged, goesOn, heard } = await start([...UNTIL_RUN, STARTED, mark('begun')]);
    await run('w', 1_000);
    await heard('begun');
    registry.reconcile();
    // Its time, the grace, and what the cell may need.
    clock.jump(6_500);
    registry.reconcile();
    expect(lost).toEqual([]);
    clock.jump(1_000);
    registry.reconcile();
    await goesOn('w');
    expect(lost).toEqual(['a run in it did not end in time']);
    expect(charged()).toEqual([[id('w'), 'TICK_TIMEOUT']]);
  });

  const both = (hum: readonly Step[]): readonly Step[] => [
    ...UNTIL_RUN,
    STARTED,
    mark('first'),
    { kind: 'read', until: 'load' },
    LOADED,
    { kind: 'read', until: 'run' },
    STARTED,
    mark('begun'),
    ...hum,
  ];

  test('is charged to nobody where several run and the cell says nothing more: whoever hung it does it again, alone', async () => {
    const { run, clock, registry, lost, ticks, charged, goesOn, heard, pool } = await start(both([]));
    await run('short', 1_000);
    await heard('first');
    await run('long');
    await heard('begun');
    registry.reconcile();
    clock.jump(10_000);
    registry.reconcile();
    await Promise.all([goesOn('short'), goesOn('long')]);
    expect(lost).toEqual(['a run in it did not end in time']);
    expect(charged()).toEqual([]);
    expect(ticks.filter(({ errorCode }) => errorCode === 'CELL_LOST')).toHaveLength(2);
    expect(pool.status().map(({ purpose, workers }) => [purpose, workers])).toEqual([
      ['probation', 1],
      ['probation', 1],
    ]);
  });

  test('is charged to its worker where the cell goes on with everything else', async () => {
    const { run, clock, registry, lost, charged, goesOn, heard, hum } = await start(both([HUM]));
    await run('short', 1_000);
    await heard('first');
    await run('long');
    await heard('begun');
    clock.jump(10_000);
    await hum();
    registry.reconcile();
    await Promise.all([goesOn('short'), goesOn('long')]);
    expect(lost).toEqual(['a run in it did not end in time']);
    expect(charged()).toEqual([[id('short'), 'TICK_TIMEOUT']]);
  });
});

describe('a load that the cell never answers', () => {
  test('ends a cell that says nothing after a minute, with nobody charged', async () => {
    const { run, clock, lost, charged, goesOn, heard, states } = await start([...UNTIL_LOAD, mark('read')]);
    await run('w');
    await heard('read');
    // That it has read the load was its last word.
    clock.jump(60_100);
    clock.jump(59_000);
    expect(states.at(-1)?.to).toBe('loading');
    clock.jump(1_500);
    await goesOn('w');
    expect(lost).toEqual([GUEST_NOT_MADE]);
    expect(charged()).toEqual([]);
  });

  test('is waited for longer where the cell goes on with others, but not for ever', async () => {
    const { run, clock, lost, charged, goesOn, heard, hum } = await start([...UNTIL_LOAD, mark('read'), HUM]);
    await run('w');
    await heard('read');
    for (let minute = 0; minute < 9; minute++) {
      await hum();
      clock.jump(60_000);
    }
    await hum();
    expect(lost).toEqual([]);
    clock.jump(60_000);
    await goesOn('w');
    expect(lost).toEqual([GUEST_NOT_MADE]);
    expect(charged()).toEqual([]);
  });
});

test('a cell that cannot make sandboxes any more says so; not even a worker that ran there alone is charged', async () => {
  const fatal = frame(`[{"kind":"fatal","message":"${GUEST_NOT_MADE}"}]`);
  const { run, lost, charged, goesOn } = await start([...UNTIL_RUN, STARTED, fatal]);
  await run('w');
  await goesOn('w');
  expect(lost).toEqual([GUEST_NOT_MADE]);
  expect(charged()).toEqual([]);
});

test('a cell that says it failed in any other way is charged to the worker that ran there alone', async () => {
  const fatal = frame('[{"kind":"fatal","message":"uncaught: Error: x"}]');
  const { run, charged, goesOn } = await start([...UNTIL_RUN, STARTED, HELLO, fatal]);
  await run('w');
  await goesOn('w');
  expect(charged()).toEqual([[id('w'), 'SANDBOX_CRASH']]);
});
