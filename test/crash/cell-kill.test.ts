import { describe, expect, test } from 'vitest';
import { startEngine } from '../support/engine.ts';
import { lineageWorkers, NAMES } from '../support/lineage.ts';
import { seededRandom } from '../support/random.ts';

const KILLS = 20;
const READY_LIMIT_MS = 5_000;

describe('kill -9 of a cell', () => {
  test(`${KILLS} times in a row: every worker ticks again within 5 s, nothing is lost, nobody is charged`, {
    timeout: 120_000,
  }, async () => {
    const random = seededRandom('cell-kill');
    const engine = await startEngine({ cells: { workersPerCell: { javascript: 3, python: 1 } } });
    const { runtime } = engine;
    const stored = new Map<string, number>();
    let wrong = '';
    runtime.on('state', ({ worker, changes }) => {
      const values = new Map(changes.map(({ key, json }) => [key, Number(json)]));
      const n = values.get('n');
      if (n === undefined) return;
      if (n !== (stored.get(worker) ?? 0) + 1) wrong += `${worker}: ${n} after ${stored.get(worker)}\n`;
      if (values.get('twin') !== n) wrong += `${worker}: torn at ${n}\n`;
      stored.set(worker, n);
    });
    for (const worker of lineageWorkers()) await runtime.deploy(worker);
    await Promise.all(NAMES.map((name) => runtime.startWorker(name)));
    const begun = new Map<string, number>();
    runtime.on('log', ({ worker, text }) => {
      if (!text.startsWith('begin ')) return;
      const tick = Number(text.slice(6));
      if (tick <= (begun.get(worker) ?? 0)) wrong += `${worker}: tick ${tick} twice\n`;
      begun.set(worker, tick);
    });
    const everybody = (): Promise<unknown> =>
      Promise.all(
        NAMES.map((name) =>
          engine.next('tick', (tick) => tick.worker === `default/${name}` && tick.outcome === 'ok', READY_LIMIT_MS),
        ),
      );
    await Promise.all(NAMES.map((name) => engine.okTicks(name, 2)));
    for (let kill = 0; kill < KILLS; kill++) {
      // At a random place among the ticks.
      let left = Math.floor(random() * 40);
      await engine.next('tick', () => left-- <= 0);
      const { cells } = runtime.status();
      const victim = cells[Math.floor(random() * cells.length)];
      if (victim === undefined) throw new Error('there is no cell');
      const gone = engine.next('cell', ({ pid, event }) => pid === victim.pid && event === 'lost');
      process.kill(victim.pid, 'SIGKILL');
      await gone;
      await everybody();
    }
    expect(wrong).toBe('');
    const charged = engine.ticks.filter(({ outcome, errorCode }) => outcome !== 'ok' && errorCode !== 'CELL_LOST');
    expect(charged).toEqual([]);
    for (const { name, consecutiveErrors, state } of runtime.status().workers) {
      expect(consecutiveErrors, name).toBe(0);
      expect(state).not.toBe('failed');
    }
    for (const name of NAMES) {
      await runtime.stopWorker(name);
      const { n, twin } = await runtime.readState(name);
      expect(n).toBe(stored.get(`default/${name}`));
      expect(twin).toBe(n);
    }
  });
});
