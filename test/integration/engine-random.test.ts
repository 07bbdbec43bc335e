import { describe, expect, test } from 'vitest';
import { TRANSITIONS } from '../../src/supervisor/life.ts';
import { type Engine, id, startEngine, workerOf } from '../support/engine.ts';
import { seededRandom } from '../support/random.ts';

const NAMES = ['a', 'b', 'c'];
const ORDERS = [
  'deploy',
  'deploy-new',
  'start',
  'start',
  'stop',
  'stop-now',
  'restart',
  'remove',
  'reconfigure',
] as const;
const ROUNDS = 10;
const ORDERS_PER_ROUND = 40;

type Order = (typeof ORDERS)[number];

const code = (version: number): string => `
export function setup(ctx) { ctx.state.set('setups', ctx.state.get('setups', 0) + 1); }
export function tick(ctx) {
  const last = ctx.state.get('tick', 0);
  if (ctx.worker.tick <= last) throw new Error('tick ' + ctx.worker.tick + ' after ' + last);
  ctx.state.update({ tick: ctx.worker.tick, version: ${version} });
}
`;

/** What must come of the orders, carried out one after the other. */
interface Model {
  exists: boolean;
  running: boolean;
  starts: number;
  version: number;
}

/** Applies the order to the model; returns the code with which it must be refused, or null. */
function apply(model: Model, order: Order, version: number): string | null {
  if (order === 'deploy' || order === 'deploy-new') {
    if (!model.exists) Object.assign(model, { exists: true, running: false, starts: 0 });
    else if (model.running && version !== model.version) model.starts += 1;
    model.version = version;
    return null;
  }
  if (!model.exists) return 'WORKER_NOT_FOUND';
  if (order === 'remove') Object.assign(model, { exists: false, running: false, starts: 0 });
  else if (order === 'stop' || order === 'stop-now') model.running = false;
  else if (order === 'restart' || (order === 'start' && !model.running)) {
    model.running = true;
    model.starts += 1;
  }
  return null;
}

function give({ runtime }: Engine, name: string, order: Order, version: number): Promise<unknown> {
  switch (order) {
    case 'deploy':
    case 'deploy-new':
      return runtime.deploy(workerOf(name, code(version)));
    case 'start':
      return runtime.startWorker(name);
    case 'stop':
      return runtime.stopWorker(name);
    case 'stop-now':
      return runtime.stopWorker(name, { now: true });
    case 'restart':
      return runtime.restartWorker(name);
    case 'remove':
      return runtime.removeWorker(name);
    case 'reconfigure':
      return runtime.reconfigure(name, { params: { version } });
  }
}

describe('orders in any order', () => {
  test('all at once on several workers end as if they had come one after the other', { timeout: 240_000 }, async () => {
    const random = seededRandom('engine-random');
    const engine = await startEngine();
    const models = new Map<string, Model>(
      NAMES.map((name) => [name, { exists: false, running: false, starts: 0, version: 0 }]),
    );
    for (let round = 0; round < ROUNDS; round++) {
      const given: { what: string; refused: string | null; done: Promise<string | null> }[] = [];
      for (let i = 0; i < ORDERS_PER_ROUND; i++) {
        const name = NAMES[Math.floor(random() * NAMES.length)] ?? 'a';
        const order = ORDERS[Math.floor(random() * ORDERS.length)] ?? 'start';
        const model = models.get(name);
        if (model === undefined) throw new Error(`no model of ${name}`);
        const version = order === 'deploy-new' ? model.version + 1 : model.version;
        const refused = apply(model, order, version);
        const done = give(engine, name, order, version).then(
          () => null,
          (error: { code?: string }) => error.code ?? String(error),
        );
        given.push({ what: `${name}: ${order}`, refused, done });
      }
      for (const { what, refused, done } of given) expect([what, await done]).toEqual([what, refused]);
      for (const [name, model] of models) {
        if (!model.exists) {
          expect(() => engine.runtime.worker(name)).toThrow(expect.objectContaining({ code: 'WORKER_NOT_FOUND' }));
          continue;
        }
        expect(engine.runtime.worker(name).desired, name).toBe(model.running ? 'running' : 'stopped');
        if (!model.running) {
          expect(engine.runtime.worker(name)).toMatchObject({ state: 'stopped', cell: null });
          continue;
        }
        await engine.next('tick', ({ worker, outcome }) => worker === id(name) && outcome === 'ok');
        const state = await engine.runtime.readState(name);
        expect(state['version'], name).toBe(model.version);
        expect(Number(state['setups']), name).toBeGreaterThanOrEqual(1);
        expect(Number(state['setups']), `${name}: setup runs at most once per start`).toBeLessThanOrEqual(model.starts);
      }
    }
    for (const { from, to } of engine.states) expect(TRANSITIONS[from]).toContain(to);
    expect(engine.ticks.filter(({ outcome }) => outcome !== 'ok' && outcome !== 'cancelled')).toEqual([]);
    expect(engine.engineLog.filter((line) => line.startsWith('error'))).toEqual([]);
  });
});
