/** Orders about the state of workers that have no life here, over a store that goes away in the middle of them. */
import { beforeEach, describe, expect, test } from 'vitest';
import { RuntimeError } from '../../src/core/errors.ts';
import { MemoryStateStore } from '../../src/store/memory.ts';
import type { CellPool } from '../../src/supervisor/cell-pool.ts';
import { NEW_HEAD } from '../../src/supervisor/head.ts';
import { workerOf } from '../support/engine.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { createRegistry, type RegistryUnderTest } from '../support/registry.ts';
import { CommandedStore } from '../support/stores.ts';

const W = 'default/w';
const V = 'default/v';
const NO_CELLS = { close: async () => undefined } as unknown as CellPool;
const CODE = 'export function tick() {}';

let store: CommandedStore;
let clock: FakeClock;
let world: RegistryUnderTest;

beforeEach(() => {
  store = new CommandedStore(new MemoryStateStore());
  clock = new FakeClock();
  world = createRegistry({ pool: NO_CELLS, clock, store });
});

const set = (key: string, value: unknown): Promise<unknown> => world.registry.state.write(W, [{ key, value }]);
const stored = async (id: string): Promise<unknown> => Object.fromEntries((await store.read(id))?.entries ?? []);
/** What it came to within so many ms; `open` where it did not. */
async function within(ms: number, promise: Promise<unknown>): Promise<unknown> {
  let result: unknown = 'open';
  promise.then(
    (value) => {
      result = value;
    },
    (error: unknown) => {
      result = error;
    },
  );
  await clock.advanceAsync(ms);
  return result;
}

describe('a change of a worker without a life whose store goes away meanwhile', () => {
  beforeEach(async () => {
    await world.registry.deploy(workerOf('w', CODE));
    await set('a', 1);
  });

  test('is told after 15 s to be stored later, and is: once, and before anything that comes behind it', async () => {
    store.fate = 'lose';
    const asked = set('a', 2);
    expect(await within(14_000, asked)).toBe('open');
    expect(await within(2_000, asked)).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('it is stored as soon as the store is back'),
    });
    // The next order is not held up by it.
    expect(await within(0, set('a', 3))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('Nothing was changed'),
    });
    store.fate = 'ok';
    await clock.advanceAsync(2_000);
    expect(await stored(W)).toEqual({ a: '2' });
    expect(new Set(store.commits.map(({ commitId }) => commitId)).size).toBe(2);
    expect(await within(0, set('a', 4))).toMatchObject({ live: false, revision: '3' });
    expect(clock.pending).toBe(1);
  });

  test('and that does not answer at all is told so too', async () => {
    const gate = Promise.withResolvers<void>();
    store.gate = gate.promise;
    expect(await within(20_000, set('a', 2))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    store.gate = null;
    gate.resolve();
    await clock.advanceAsync(0);
    expect(await stored(W)).toEqual({ a: '2' });
  });

  test('is not lost to a rename, nor to the end of the engine', async () => {
    store.fate = 'refuse';
    expect(await within(20_000, set('a', 2))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const renamed = world.registry.state.rename(W, V);
    expect(await within(0, renamed)).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('not stored yet'),
    });
    const ended = world.registry.suspendAll(10_000);
    expect(await within(1_000, ended)).toBe('open');
    store.fate = 'ok';
    expect(await within(2_000, ended)).not.toBe('open');
    expect(await stored(W)).toEqual({ a: '2' });
    expect(world.engineLog.filter((line) => line.includes('stopped before'))).toEqual([]);
  });
});

describe('a rename', () => {
  beforeEach(async () => {
    await world.registry.deploy(workerOf('w', CODE));
    await set('a', 1);
  });
  const rename = (): Promise<void> => world.registry.state.rename(W, V);
  /** The next claim of this worker fails: before it is done, or with its outcome unknown. */
  const failClaim = (id: string, isDone: boolean): void => {
    const claim = store.claim.bind(store);
    store.claim = async (worker) => {
      if (worker !== id) return claim(worker);
      store.claim = claim;
      if (isDone) await claim(worker);
      throw new RuntimeError('STORE_UNAVAILABLE', 'cut');
    };
  };

  test.each([
    ['the new name', V, false],
    ['the old name', W, true],
  ])('that is cut short when it claims %s leaves a worker that takes orders', async (_what, name, isDone) => {
    failClaim(name, isDone);
    await expect(rename()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await set('b', 2)).toMatchObject({ live: false });
    expect(await stored(W)).toEqual({ a: '1', b: '2' });
    await rename();
    expect(await stored(V)).toEqual({ a: '1', b: '2' });
    expect(await store.read(W)).toBeNull();
    expect(world.engineLog).toEqual([]);
  });

  test('to a name that was taken meanwhile leaves the worker as it is, also in what is shown of it', async () => {
    const head = { ...NEW_HEAD, desired: 'running', actual: 'failed', reason: 'five errors in a row' };
    const other = new CommandedStore(new MemoryStateStore());
    await putInto(other, W, head, [['a', '1']]);
    world = createRegistry({ pool: NO_CELLS, clock, store: other });
    await world.registry.restore();
    await world.registry.deploy(workerOf('w', CODE));
    const read = other.read.bind(other);
    other.read = async (worker) => {
      const found = await read(worker);
      if (worker === V) await putInto(other, V, NEW_HEAD, [['b', '2']]);
      return found;
    };
    await expect(rename()).rejects.toMatchObject({ code: 'WORKER_EXISTS' });
    await set('a', 2);
    expect(world.registry.status(W)).toMatchObject({ state: 'failed', reason: 'five errors in a row' });
    expect((await read(V))?.entries).toEqual([['b', '2']]);
  });

  test('that was cut short before the old name went is finished when the new one is deployed by then', async () => {
    const remove = store.remove.bind(store);
    store.remove = () => Promise.reject(new Error('cut'));
    await expect(rename()).rejects.toThrow('cut');
    store.remove = remove;
    await world.registry.deploy(workerOf('v', CODE));
    await rename();
    expect(world.registry.statuses().map(({ name, language }) => [name, language])).toEqual([['v', 'javascript']]);
    expect(await store.read(W)).toBeNull();
    await world.registry.state.write(V, [{ key: 'b', value: 2 }]);
    expect(await stored(V)).toEqual({ a: '1', b: '2' });
  });

  test('to the name of a worker that was deployed and never ran is refused', async () => {
    await world.registry.deploy(workerOf('v', CODE));
    await expect(rename()).rejects.toMatchObject({ code: 'WORKER_EXISTS' });
    expect(await set('b', 2)).toMatchObject({ revision: '2' });
  });
});

async function putInto(
  into: CommandedStore,
  worker: string,
  head: object,
  entries: readonly (readonly [string, string])[],
): Promise<void> {
  const { epoch, revision } = await into.claim(worker);
  const changes = entries.map(([key, json]) => ({ key, json }));
  const numbers = { epoch, base: revision, revision: revision + 1n, commitId: `put-${worker}-${epoch}` };
  await into.commit({ worker, ...numbers, head: JSON.stringify(head), changes, urgent: true, durable: true });
}
