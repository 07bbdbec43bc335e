/**
 * Cells that were taken over, beside workers that know nothing of it: whatever they say, no other worker is touched, and they are dropped.
 * FUZZ_FRAMES sets how many frames they say, all together.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../src/store/memory.ts';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { FAST, id, workerOf } from '../support/engine.ts';
import type { Step } from '../support/fake-cell.ts';
import { createFakedPool, UNTIL_RUN } from '../support/fake-launch.ts';
import { LoopWatch } from '../support/loop-watch.ts';
import { createRegistry } from '../support/registry.ts';

const FRAMES = Number(process.env['FUZZ_FRAMES'] ?? 100_000);
/** One for each way to break the protocol at last. */
const LIARS = 15;
const COUNTER = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); ctx.log.info('mine'); }`;
const ADDRESS = '"sandbox":"$sandbox","incarnation":"$incarnation"';
const WAIT = { timeout: 50_000, interval: 50 };

afterAll(closeCompiler);

async function stateOf(store: MemoryStateStore, worker: string): Promise<Record<string, string>> {
  return Object.fromEntries((await store.read(worker))?.entries ?? []);
}

describe('a cell that was taken over', () => {
  it(`says ${FRAMES} frames, acts for no worker but its own, and is dropped`, async () => {
    const liars = Array.from({ length: LIARS }, (_, seed): readonly Step[] => [
      ...UNTIL_RUN,
      { kind: 'rage', seed, frames: Math.ceil(FRAMES / LIARS) },
    ]);
    const { pool, lost } = await createFakedPool(liars, { cellsMax: 60 });
    const store = new MemoryStateStore();
    const { registry, ticks, logs } = createRegistry({ pool, store });
    const loop = new LoopWatch();
    for (let i = 0; i < LIARS; i++) {
      const name = `liar-${i}`;
      await registry.deploy({
        ...workerOf(name, COUNTER),
        ...FAST,
        workspace: `w${i}`,
        maxErrors: 1,
        tickTimeoutMs: 60_000,
      });
      await registry.startWorker(`w${i}/${name}`);
    }
    const canaries = ['a', 'b', 'c'];
    for (const name of canaries) {
      await registry.deploy({ ...workerOf(name, COUNTER), ...FAST });
      await registry.startWorker(id(name));
    }
    await expect.poll(() => lost.length, WAIT).toBeGreaterThanOrEqual(LIARS);
    for (const reason of lost.slice(0, LIARS)) expect(reason).toMatch(/^it broke the protocol: /);
    expect(new Set(lost.slice(0, LIARS)).size).toBeGreaterThan(5);
    for (const name of canaries) {
      const mine = (): typeof ticks => ticks.filter(({ worker }) => worker === id(name));
      await expect.poll(() => mine().length, WAIT).toBeGreaterThan(20);
      expect(mine().filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
      await registry.stopWorker(id(name), false);
      expect(await stateOf(store, id(name))).toEqual({ n: `${mine().length}` });
      const said = logs.filter(({ worker }) => worker === id(name)).map(({ text }) => text);
      expect(new Set(said.slice(-mine().length))).toEqual(new Set(['mine']));
      expect(said).not.toContain('stolen');
    }
    for (const key of ['polluted', 'stolen', 'toJSON', 'more']) expect(key in {}).toBe(false);
    expect(loop.stop().busiest).toBeLessThan(250);
  }, 120_000);

  it('fills no disk with log lines: it is dropped, and nothing of what follows is heard', async () => {
    const line = '["l","info","flood",null,1]';
    const steps: readonly Step[] = [
      ...UNTIL_RUN,
      {
        kind: 'frame',
        json: `[{"kind":"stream",${ADDRESS},"entries":[$fill${line}]},{"kind":"stream",${ADDRESS},"entries":[["s","late","1"]]}]`,
        fill: { text: `${line},`, times: 3_499 },
      },
    ];
    const { pool, lost } = await createFakedPool([steps]);
    const store = new MemoryStateStore();
    const { registry, logs } = createRegistry({ pool, store });
    await registry.deploy({ ...workerOf('w', COUNTER), ...FAST, maxErrors: 1 });
    await registry.startWorker(id('w'));
    await expect.poll(() => lost.length, WAIT).toBeGreaterThan(0);
    expect(lost[0]).toBe('it broke the protocol: a cell let too many log lines through');
    expect(logs.filter(({ text }) => text === 'flood')).toHaveLength(3_000);
    expect(await stateOf(store, id('w'))).not.toHaveProperty('late');
  }, 60_000);
});
