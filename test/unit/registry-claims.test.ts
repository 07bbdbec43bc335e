/** What a node tells of workers whose stored state is not what it should be, when it starts and when it claims them. */
import { expect, test } from 'vitest';
import type { Claimed } from '../../src/store/contracts.ts';
import { MemoryStateStore } from '../../src/store/memory.ts';
import type { CellPool } from '../../src/supervisor/cell-pool.ts';
import { NEW_HEAD } from '../../src/supervisor/head.ts';
import { id, workerOf } from '../support/engine.ts';
import { createRegistry } from '../support/registry.ts';

const NO_CELLS = { close: async () => undefined } as unknown as CellPool;
const CODE = 'export function tick() {}';

class GapStore extends MemoryStateStore {
  mayLack = false;

  override async claim(worker: string): Promise<Claimed> {
    return { ...(await super.claim(worker)), ...(this.mayLack ? { mayLack: true } : {}) };
  }
}

async function put(store: MemoryStateStore, name: string, head: string): Promise<void> {
  const { epoch } = await store.claim(id(name));
  const numbers = { epoch, base: 0n, revision: 1n, commitId: `put-${name}` };
  await store.commit({ worker: id(name), ...numbers, head, changes: [], urgent: true, durable: true });
}

test.each([
  ['was not stopped in order, and whose copy in Redis is gone', true, true],
  ['was stopped in order', true, false],
  ['has both copies', false, true],
])('a worker that %s: is a gap told?', async (_what, mayLack, inFlight) => {
  const store = new GapStore();
  // It is `failed`, so that it does not begin a life.
  await put(store, 'w', JSON.stringify({ ...NEW_HEAD, actual: 'failed', inFlight }));
  store.mayLack = mayLack;
  const { registry, engineLog, engineFields, logs } = createRegistry({ pool: NO_CELLS, store });
  await registry.restore();
  await registry.deploy(workerOf('w', CODE));
  if (!mayLack || !inFlight) return expect([engineLog, logs]).toEqual([[], []]);
  const text = expect.stringMatching(/Redis lost its copy .* goes on from revision 1 in Postgres; what only Redis had/);
  expect(engineLog).toEqual([text]);
  expect(engineLog[0]).toMatch(/^error: state of worker default\/w: /);
  expect(engineFields).toEqual([{ worker: id('w'), code: 'STATE_GAP', revision: '1' }]);
  // In the worker's own log too, where it is kept.
  expect(logs).toMatchObject([{ worker: id('w'), level: 'error', text }]);
});

test('a worker whose life cannot be read is told, and keeps no other from being deployed', async () => {
  const store = new MemoryStateStore();
  await put(store, 'bad', '{"v":9}');
  await put(store, 'good', JSON.stringify({ ...NEW_HEAD, tick: 7 }));
  const { registry, engineLog, engineFields } = createRegistry({ pool: NO_CELLS, store });
  await registry.restore();
  expect(engineLog).toEqual([expect.stringContaining('The saved life of worker default/bad cannot be read')]);
  expect(engineFields).toEqual([{ worker: id('bad'), code: 'STATE_CORRUPT' }]);
  expect(registry.status(id('bad'))).toMatchObject({
    state: 'invalid',
    reason: expect.stringContaining('cannot be read'),
  });
  await expect(registry.deploy(workerOf('bad', CODE))).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
  expect(await registry.deploy(workerOf('good', CODE))).toMatchObject({ state: 'stopped', tick: 7 });
});
