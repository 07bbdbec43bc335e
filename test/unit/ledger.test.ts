import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RuntimeError } from '../../src/core/errors.ts';
import { STATE_LIMITS } from '../../src/core/limits.ts';
import type { StateChange } from '../../src/store/contracts.ts';
import { MemoryStateStore } from '../../src/store/memory.ts';
import { Ledger } from '../../src/supervisor/ledger.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { CommandedStore, type Fate } from '../support/stores.ts';
import { watch } from '../support/watch.ts';

const WORKER = 'default/w';

async function openLedger(limits: Partial<typeof STATE_LIMITS> = {}) {
  const clock = new FakeClock();
  const memory = new MemoryStateStore();
  const store = new CommandedStore(memory);
  const told = {
    store: [] as { away: boolean; reason: string }[],
    lost: [] as RuntimeError[],
    stored: [] as (readonly StateChange[])[],
  };
  const ledger = new Ledger({
    store,
    clock,
    worker: WORKER,
    claimed: await memory.claim(WORKER),
    limits: { ...STATE_LIMITS, ...limits },
    onStore: (away, reason) => told.store.push({ away, reason }),
    onLost: (error) => told.lost.push(error),
    askDump: () => null,
    onRepaired: () => undefined,
    onStored: (changes) => told.stored.push(changes),
  });
  const state = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await memory.read(WORKER))?.entries ?? []);
  return { clock, memory, store, ledger, told, state };
}

describe('the ledger', () => {
  test('stores everything written, with the head, in one commit', async () => {
    const { ledger, store, memory, told, state } = await openLedger();
    ledger.write('a', '1');
    ledger.write('b', '2');
    ledger.write('a', '3');
    ledger.write('gone', null);
    await ledger.commit('{"tick":1}');
    expect(await state()).toEqual({ a: '3', b: '2' });
    expect((await memory.read(WORKER))?.head).toBe('{"tick":1}');
    expect(store.commits).toHaveLength(1);
    expect(store.commits[0]).toMatchObject({ base: 0n, revision: 1n, epoch: 1n, head: '{"tick":1}' });
    expect(told.stored).toEqual([
      [
        { key: 'b', json: '2' },
        { key: 'a', json: '3' },
        { key: 'gone', json: null },
      ],
    ]);
    expect(ledger.settled).toBe(true);
  });

  test('takes a store that does not answer for one that is away, until it does', async () => {
    const { ledger, store, clock, told } = await openLedger();
    const answers = Promise.withResolvers<void>();
    store.gate = answers.promise;
    const waiter = watch(ledger.commit('{}'));
    await clock.advanceAsync(4_000);
    ledger.look();
    expect(told.store).toEqual([]);
    await clock.advanceAsync(2_000);
    ledger.look();
    ledger.look();
    expect(told.store).toEqual([{ away: true, reason: 'it has not answered for 5 s' }]);
    answers.resolve();
    await settle();
    expect(waiter.outcome).toBe('ok');
    expect(told.store.at(-1)).toMatchObject({ away: false });
  });

  test('has one commit in flight; what is written meanwhile goes together into the next', async () => {
    const { ledger, store, state } = await openLedger();
    let open: () => void = () => undefined;
    store.gate = new Promise((resolve) => {
      open = resolve;
    });
    ledger.write('n', '1');
    const first = watch(ledger.commit('h1'));
    for (const n of [2, 3, 4]) {
      ledger.write('n', String(n));
      void ledger.commit(`h${n}`);
    }
    const last = watch(ledger.commit('h5'));
    await settle();
    expect(store.commits).toHaveLength(1);
    expect(first.outcome).toBe('open');
    expect(ledger.settled).toBe(false);
    open();
    await settle();
    expect(first.outcome).toBe('ok');
    expect(last.outcome).toBe('ok');
    expect(store.commits.map(({ base, head, changes }) => [base, head, changes])).toEqual([
      [0n, 'h1', [{ key: 'n', json: '1' }]],
      [1n, 'h5', [{ key: 'n', json: '4' }]],
    ]);
    expect(await state()).toEqual({ n: '4' });
  });

  test('never acknowledges before the store did', async () => {
    const { ledger, store, clock, told } = await openLedger();
    store.fate = 'refuse';
    ledger.write('n', '1');
    const commit = watch(ledger.commit('h'));
    await clock.advanceAsync(60_000);
    expect(commit.outcome).toBe('open');
    expect(told.stored).toEqual([]);
    expect(ledger.settled).toBe(false);
    store.fate = 'ok';
    await clock.advanceAsync(1_000);
    expect(commit.outcome).toBe('ok');
    expect(told.stored).toHaveLength(1);
  });

  test('tells the store what somebody waits for, also where it goes together with what nobody does', async () => {
    const { ledger, store } = await openLedger();
    await ledger.commit('h1');
    const first = ledger.commit('h2');
    void ledger.commit('h3', 'now');
    await Promise.all([first, ledger.commit('h4')]);
    await ledger.commit('h5');
    expect(store.commits.map(({ head, urgent }) => [head, urgent])).toEqual([
      ['h1', false],
      ['h2', false],
      ['h4', true],
      ['h5', false],
    ]);
  });

  test('tries the very same commit again after an unknown outcome, and stores it once', async () => {
    const { ledger, store, clock, memory, state } = await openLedger();
    store.next.push('lose', 'refuse', 'lose');
    ledger.write('n', '1');
    const commit = watch(ledger.commit('h'));
    await clock.advanceAsync(5_000);
    expect(commit.outcome).toBe('ok');
    expect(store.commits).toHaveLength(4);
    expect(new Set(store.commits.map(({ commitId }) => commitId)).size).toBe(1);
    expect((await memory.read(WORKER))?.revision).toBe(1n);
    expect(await state()).toEqual({ n: '1' });
  });

  test('nothing overtakes a commit that is being tried again', async () => {
    const { ledger, store, clock, state } = await openLedger();
    store.fate = 'refuse';
    ledger.write('n', '1');
    void ledger.commit('h1');
    await clock.advanceAsync(100);
    ledger.write('n', '2');
    const second = watch(ledger.commit('h2'));
    await clock.advanceAsync(5_000);
    expect(new Set(store.commits.map(({ head }) => head))).toEqual(new Set(['h1']));
    store.fate = 'ok';
    await clock.advanceAsync(1_000);
    expect(second.outcome).toBe('ok');
    expect(store.commits.slice(-2).map(({ base, head }) => [base, head])).toEqual([
      [0n, 'h1'],
      [1n, 'h2'],
    ]);
    expect(await state()).toEqual({ n: '2' });
  });

  test('tells once that the store is away and once that it is back, and asks at least once a second', async () => {
    const { ledger, store, clock, told } = await openLedger();
    store.fate = 'refuse';
    void ledger.commit('h');
    await clock.advanceAsync(30_000);
    expect(told.store).toEqual([{ away: true, reason: 'the store was told to be away' }]);
    expect(ledger.away).toBe(true);
    expect(store.commits.length).toBeGreaterThanOrEqual(30);
    store.fate = 'ok';
    await clock.advanceAsync(1_000);
    expect(told.store.map(({ away }) => away)).toEqual([true, false]);
    expect(ledger.away).toBe(false);
  });

  test('a new owner fences it: every waiter is told, and nothing is sent any more', async () => {
    const { ledger, store, memory, told, state } = await openLedger();
    ledger.write('n', '1');
    await ledger.commit('h');
    await memory.claim(WORKER);
    ledger.write('n', '2');
    const first = watch(ledger.commit('h'));
    const second = watch(ledger.commit('h'));
    await settle();
    expect(first.outcome).toMatchObject({ code: 'FENCED' });
    expect(second.outcome).toMatchObject({ code: 'FENCED' });
    expect(told.lost.map(({ code }) => code)).toEqual(['FENCED']);
    const sent = store.commits.length;
    ledger.write('n', '3');
    await expect(ledger.commit('h')).rejects.toMatchObject({ code: 'FENCED' });
    await settle();
    expect(store.commits).toHaveLength(sent);
    expect(await state()).toEqual({ n: '1' });
  });

  test('a revision that is not ours is STALE, and ends it too where no live sandbox holds the state', async () => {
    const { ledger, memory, told } = await openLedger();
    await memory.commit({
      worker: WORKER,
      epoch: 1n,
      base: 0n,
      revision: 1n,
      commitId: 'somebody',
      head: 'x',
      changes: [],
    });
    await expect(ledger.commit('h')).rejects.toMatchObject({ code: 'STALE' });
    expect(told.lost.map(({ code }) => code)).toEqual(['STALE']);
  });

  test('a commit that was fenced while its outcome was unknown is not acknowledged', async () => {
    const { ledger, store, clock, memory } = await openLedger();
    store.next.push('refuse');
    ledger.write('n', '1');
    const commit = watch(ledger.commit('h'));
    await settle();
    await memory.claim(WORKER);
    await clock.advanceAsync(1_000);
    expect(commit.outcome).toMatchObject({ code: 'FENCED' });
  });

  test('closing it rejects the waiters, tries nothing again and leaves no timer', async () => {
    const { ledger, store, clock, told } = await openLedger();
    const { RuntimeError } = await import('../../src/core/errors.ts');
    store.fate = 'refuse';
    ledger.write('n', '1');
    const commit = watch(ledger.commit('h'));
    await settle();
    ledger.close(new RuntimeError('STOPPED', 'The engine stopped.'));
    await settle();
    expect(commit.outcome).toMatchObject({ code: 'STOPPED' });
    expect(told.lost).toEqual([]);
    expect(clock.pending).toBe(0);
    const sent = store.commits.length;
    await clock.advanceAsync(10_000);
    expect(store.commits).toHaveLength(sent);
  });

  test('counts the bytes and keys of the state as it will be', async () => {
    const { ledger } = await openLedger();
    ledger.write('ключ', '"é"');
    expect(ledger.bytes).toBe(8 + 4);
    ledger.write('ключ', '1');
    expect(ledger.bytes).toBe(8 + 1);
    ledger.write('b', '[]');
    expect([ledger.bytes, ledger.keys]).toEqual([12, 2]);
    ledger.write('ключ', null);
    ledger.write('never', null);
    expect([ledger.bytes, ledger.keys]).toEqual([3, 1]);
  });

  test.each([
    ['a key', { keyBytesMax: 4 }, [['12345', '1']]],
    ['a value', { valueBytesMax: 4 }, [['k', '12345']]],
    [
      'the state',
      { totalBytesMax: 10 },
      [
        ['k', '12345'],
        ['l', '12345'],
      ],
    ],
    [
      'the number of keys',
      { keysMax: 1 },
      [
        ['k', '1'],
        ['l', '1'],
      ],
    ],
  ] as const)('refuses to take %s over its limit from a cell', async (_what, limits, writes) => {
    const { ledger } = await openLedger(limits);
    expect(() => {
      for (const [key, json] of writes) ledger.write(key, json);
    }).toThrow(expect.objectContaining({ code: 'CELL_PROTOCOL' }));
  });

  test('whatever the store does, what was acknowledged is stored in the order of the writes', async () => {
    const fate = fc.constantFrom<Fate>('ok', 'ok', 'refuse', 'lose');
    const step = fc.record({
      fates: fc.array(fate, { maxLength: 4 }),
      commits: fc.integer({ min: 1, max: 4 }),
      waitMs: fc.nat(200),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const { ledger, store, clock, state, told } = await openLedger();
        let n = 0;
        const acknowledged: number[] = [];
        for (const { fates, commits, waitMs } of steps) {
          store.next.push(...fates);
          for (let i = 0; i < commits; i++) {
            const value = ++n;
            ledger.write('n', String(value));
            ledger.write(`k${value % 3}`, String(value));
            void ledger.commit(String(value)).then(() => acknowledged.push(value));
          }
          await clock.advanceAsync(waitMs);
          expect(Number((await state())['n'] ?? '0')).toBeGreaterThanOrEqual(acknowledged.at(-1) ?? 0);
        }
        store.next.length = 0;
        await clock.advanceAsync(2_000);
        expect(acknowledged).toEqual(Array.from({ length: n }, (_, i) => i + 1));
        expect(await state()).toMatchObject({ n: String(n), [`k${n % 3}`]: String(n) });
        const seen = told.stored.flatMap((changes) =>
          changes.filter(({ key }) => key === 'n').map(({ json }) => Number(json)),
        );
        expect(seen).toEqual([...seen].sort((a, b) => a - b));
        expect(told.lost).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
