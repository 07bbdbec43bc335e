import { afterAll, describe, expect, test } from 'vitest';
import type { WorkerOptions } from '../../src/index.ts';
import type { CellPool } from '../../src/supervisor/cell-pool.ts';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { id, workerOf } from '../support/engine.ts';
import { createFakedPool } from '../support/fake-launch.ts';
import { createRegistry, type RegistryUnderTest } from '../support/registry.ts';

const MIB = 1_048_576;
const COUNTER = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;
const HOUR = { schedule: { kind: 'interval', intervalMs: 3_600_000 } } as const;
/** Keeps so many MiB more; within the limit of its worker, and more than the cell may grow. */
const grow = (body: string): string => `
const kept = [];
function grow(mib) { for (let i = 0; i < mib; i++) kept.push(new Array(131072).fill(kept.length + 0.5)); }
export function tick(ctx) { ${body} }
`;
const WAIT = { timeout: 15_000, interval: 10 };

afterAll(closeCompiler);

interface Started extends RegistryUnderTest {
  readonly pool: CellPool;
  readonly lost: readonly string[];
  run(name: string, text: string, options?: Partial<WorkerOptions>): Promise<void>;
  purposeOf(name: string): string | undefined;
}

/** Real cells that may grow by 24 MiB, and a worker in the first one that ticks once. */
async function start(): Promise<Started> {
  const { pool, lost } = await createFakedPool([], { growthBytes: 24 * MIB });
  const made = createRegistry({ pool });
  const { registry, ticks } = made;
  const started: Started = {
    ...made,
    pool,
    lost,
    async run(name, text, options = {}) {
      await registry.deploy(workerOf(name, text, options));
      await registry.startWorker(id(name));
    },
    purposeOf: (name) => pool.status().find(({ pid }) => pid === registry.status(id(name)).cell)?.purpose,
  };
  await started.run('idle', COUNTER, HOUR);
  await expect.poll(() => ticks.length, WAIT).toBe(1);
  return started;
}

describe('a cell that grows over its budget', () => {
  test('is ended; who ran is a suspect, who did not is none, and alone the suspect is charged', async () => {
    const { run, registry, ticks, lost, purposeOf } = await start();
    // One tick all the time: it runs whenever memory is measured.
    const slowly =
      'for (const from = Date.now(); kept.length < 55; ) if (Date.now() - from > kept.length * 25) grow(1);';
    await run('hog', grow(`${slowly} for (;;);`), { maxErrors: 1 });
    await expect.poll(() => registry.status(id('hog')).state, WAIT).toBe('failed');
    expect(lost).toHaveLength(2);
    for (const reason of lost) expect(reason).toMatch(/^it used \d+ MiB; its budget was \d+ MiB$/);
    const mine = ticks.filter(({ worker }) => worker === id('hog'));
    expect(mine.map(({ outcome, errorCode }) => [outcome, errorCode])).toEqual([
      ['cell-lost', 'CELL_LOST'],
      ['memory', 'MEMORY_LIMIT'],
    ]);
    await expect.poll(() => registry.status(id('idle')).state, WAIT).toBe('waiting');
    expect(purposeOf('idle')).toBe('shared');
    expect(registry.status(id('idle')).consecutiveErrors).toBe(0);
  });

  test('between two ticks has its suspect among those that ran since memory was last measured', async () => {
    const { run, lost, logs, purposeOf } = await start();
    // Grown in some milliseconds, measured when they are over; and long after anybody else ran.
    const text = grow('if (ctx.worker.tick > 2 && kept.length === 0) grow(45);');
    await run('hog', text, { schedule: { kind: 'interval', intervalMs: 400 } });
    await expect.poll(() => purposeOf('hog'), WAIT).toBe('probation');
    await expect.poll(() => purposeOf('idle'), WAIT).toBe('shared');
    expect(lost).toHaveLength(1);
    // Alone it has nothing that runs to be charged with, but its log says what happened.
    const told = (): string | undefined => logs.findLast(({ level }) => level === 'error')?.text;
    await expect.poll(told, WAIT).toMatch(/^Its process was ended between two ticks: it used \d+ MiB/);
  });
});

test('what a worker may use because its limit was raised is no growth of its cell', async () => {
  const { run, ticks, lost, pool } = await start();
  const text = grow('if (kept.length < 120) grow(40);');
  await run('large', text, { memoryBytes: 256 * MIB });
  const mine = (): number => ticks.filter(({ worker }) => worker === id('large')).length;
  await expect.poll(mine, WAIT).toBeGreaterThan(8);
  expect(ticks.every(({ outcome }) => outcome === 'ok')).toBe(true);
  expect(Math.max(...pool.status().map(({ rssBytes }) => rssBytes))).toBeGreaterThan(150 * MIB);
  expect(lost).toEqual([]);
});
