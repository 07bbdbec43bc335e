/** A store that turns out to hold something else than what was written last, and the live sandbox that holds it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RuntimeError } from '../../src/core/errors.ts';
import { DUMP_MS_MAX, STATE_LIMITS } from '../../src/core/limits.ts';
import type { Claimed, StateChange } from '../../src/store/contracts.ts';
import { Ledger } from '../../src/supervisor/ledger.ts';
import type { Repaired } from '../../src/supervisor/ledger-options.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RestorableStore } from '../support/restorable-store.ts';
import { CommandedStore, type Fate } from '../support/stores.ts';
import { watch } from '../support/watch.ts';

const WORKER = 'default/w';

/** A ledger, and a guest that writes into it and says all it holds when the test lets it. */
async function openLedger() {
  const clock = new FakeClock();
  const inner = new RestorableStore();
  const store = new CommandedStore(inner);
  const told = { lost: [] as RuntimeError[], repaired: [] as Repaired[], stored: [] as (readonly StateChange[])[] };
  const guest = new Map<string, string>();
  const sandbox = { alive: true, asked: -1 };
  const ledger = new Ledger({
    store,
    clock,
    worker: WORKER,
    claimed: await inner.claim(WORKER),
    limits: STATE_LIMITS,
    onStore: () => undefined,
    onLost: (error) => told.lost.push(error),
    askDump: (dump) => {
      sandbox.asked = dump;
      return sandbox.alive ? DUMP_MS_MAX : null;
    },
    onRepaired: (repaired) => told.repaired.push(repaired),
    onStored: (changes) => told.stored.push(changes),
  });
  return {
    clock,
    inner,
    store,
    ledger,
    told,
    sandbox,
    state: async () => Object.fromEntries((await inner.read(WORKER))?.entries ?? []),
    write(key: string, json: string | null): void {
      if (json === null) guest.delete(key);
      else guest.set(key, json);
      ledger.write(key, json);
    },
    dump(): void {
      ledger.beginDump(sandbox.asked);
      for (const [key, json] of guest) ledger.takeDumped(key, json);
      ledger.endDump(sandbox.asked, guest.size);
    },
  };
}

const older = (now: Claimed, revision: bigint): Claimed => ({ ...now, revision, head: '"old"', entries: [['n', '0']] });

/** Three revisions with n = 3 and kept = 1, then the store is as `change` makes it, and n = 4 is on its way. */
async function openStale(change: (now: Claimed) => Claimed | null = (now) => older(now, 1n)) {
  const parts = await openLedger();
  parts.write('kept', '1');
  for (const n of ['1', '2', '3']) {
    parts.write('n', n);
    await parts.ledger.commit(`"${n}"`);
  }
  await parts.inner.putBack(WORKER, change);
  parts.told.stored.length = 0;
  parts.write('n', '4');
  const waiter = watch(parts.ledger.commit('"4"'));
  await settle();
  return { ...parts, waiter };
}

describe('a ledger whose store was put back', () => {
  test('asks the sandbox for everything, and acknowledges nothing before that is stored', async () => {
    const { ledger, sandbox, waiter, told, dump, store, inner, state } = await openStale();
    expect(sandbox.asked).toBeGreaterThan(0);
    expect(waiter.outcome).toBe('open');
    expect(ledger.settled).toBe(false);
    expect(await state()).toEqual({ n: '0' });
    dump();
    await settle();
    expect(waiter.outcome).toBe('ok');
    expect(ledger.settled).toBe(true);
    expect(await inner.read(WORKER)).toMatchObject({ epoch: 1n, revision: 4n, head: '"4"' });
    expect(await state()).toEqual({ kept: '1', n: '4' });
    expect(store.replacements).toHaveLength(1);
    expect(told.repaired).toEqual([{ found: 1n, ours: 3n, revision: 4n, keys: 2 }]);
    // What was written is told once, and what was there before is not told again.
    expect(told.stored).toEqual([[{ key: 'n', json: '4' }]]);
    expect([ledger.keys, ledger.bytes]).toEqual([2, 7]);
    expect(told.lost).toEqual([]);
  });

  test.each<[string, (now: Claimed) => Claimed | null, bigint, bigint]>([
    ['that is ahead', (now) => older(now, 9n), 9n, 10n],
    ['that lost the worker', () => null, 0n, 4n],
    ['at the same revision plus one, by another commit', (now) => older(now, 4n), 4n, 5n],
  ])('is repaired from a store %s', async (_what, change, found, revision) => {
    const { dump, told, inner, waiter, state } = await openStale(change);
    dump();
    await settle();
    expect(waiter.outcome).toBe('ok');
    expect(told.repaired).toEqual([{ found, ours: 3n, revision, keys: 2 }]);
    expect(await inner.read(WORKER)).toMatchObject({ epoch: 1n, revision });
    expect(await state()).toEqual({ kept: '1', n: '4' });
  });

  test('goes on: what comes behind the dump is committed on the new revision, in its order', async () => {
    const { ledger, dump, write, state, inner, store, told } = await openStale();
    write('during', '5');
    const during = watch(ledger.commit('"5"'));
    dump();
    write('n', '6');
    write('kept', null);
    const behind = watch(ledger.commit('"6"'));
    await settle();
    expect([during.outcome, behind.outcome]).toEqual(['ok', 'ok']);
    expect(store.replacements[0]).toMatchObject({ head: '"5"', revision: 4n });
    const changes = [
      { key: 'n', json: '6' },
      { key: 'kept', json: null },
    ];
    expect(store.commits.at(-1)).toMatchObject({ base: 4n, head: '"6"', changes });
    expect(told.stored).toEqual([
      [
        { key: 'n', json: '4' },
        { key: 'during', json: '5' },
      ],
      changes,
    ]);
    expect(await state()).toEqual({ n: '6', during: '5' });
    expect((await inner.read(WORKER))?.revision).toBe(5n);
    expect(ledger.keys).toBe(2);
  });

  test('sends no commit between the refusal and the replacement', async () => {
    const { ledger, store, write, dump } = await openStale();
    const sent = store.commits.length;
    for (const n of ['5', '6', '7']) {
      write('n', n);
      void ledger.commit(n);
    }
    await settle();
    expect(store.commits).toHaveLength(sent);
    dump();
    await settle();
    expect(store.commits).toHaveLength(sent);
    expect(store.replacements).toHaveLength(1);
  });

  test('writes the very same replacement again after an unknown outcome, and tells it once', async () => {
    const { store, dump, clock, waiter, told, inner } = await openStale();
    store.next.push('refuse', 'lose', 'refuse');
    dump();
    await clock.advanceAsync(5_000);
    expect(waiter.outcome).toBe('ok');
    expect(store.replacements).toHaveLength(4);
    expect(new Set(store.replacements.map(({ commitId }) => commitId)).size).toBe(1);
    expect(told.repaired).toHaveLength(1);
    expect((await inner.read(WORKER))?.revision).toBe(4n);
  });

  test('goes above a store that moved on once more meanwhile', async () => {
    const { store, dump, clock, inner, waiter, state } = await openStale();
    store.next.push('refuse');
    dump();
    await settle();
    await inner.putBack(WORKER, (now) => older(now, 20n));
    await clock.advanceAsync(5_000);
    expect(waiter.outcome).toBe('ok');
    expect((await inner.read(WORKER))?.revision).toBe(21n);
    expect(await state()).toEqual({ kept: '1', n: '4' });
  });

  test('can be put back and repaired again and again', async () => {
    const { ledger, dump, write, inner, told, state } = await openStale();
    dump();
    await settle();
    for (const n of ['5', '6', '7']) {
      await inner.putBack(WORKER, (now) => older(now, 2n));
      write('n', n);
      const again = watch(ledger.commit(n));
      await settle();
      dump();
      await settle();
      expect(again.outcome).toBe('ok');
      expect(await state()).toEqual({ kept: '1', n });
    }
    expect(told.repaired.map(({ revision }) => revision)).toEqual([4n, 5n, 6n, 7n]);
  });

  test('is final where another owner took over before the replacement', async () => {
    const { dump, inner, waiter, told, state } = await openStale();
    await inner.claim(WORKER);
    dump();
    await settle();
    expect(waiter.outcome).toMatchObject({ code: 'FENCED' });
    expect(told.lost.map(({ code }) => code)).toEqual(['FENCED']);
    expect(told.repaired).toEqual([]);
    expect(await state()).toEqual({ n: '0' });
  });
});

describe('a ledger whose store was put back and that gets no whole state', () => {
  async function expectGivenUp(parts: Awaited<ReturnType<typeof openStale>>, why: string): Promise<void> {
    const { waiter, told, store, state, clock } = parts;
    await settle();
    expect(waiter.outcome).toMatchObject({ code: 'STALE', message: expect.stringContaining(why) });
    expect(told.lost).toEqual([waiter.outcome]);
    expect(told.lost[0]?.message).toMatch(/stored revision 1, ours 3.*Nothing was overwritten/);
    expect(store.replacements).toEqual([]);
    expect(await state()).toEqual({ n: '0' });
    expect(clock.pending).toBe(0);
  }

  test('ends where there is no live sandbox', async () => {
    const parts = await openLedger();
    for (const n of ['1', '2', '3']) {
      parts.write('n', n);
      await parts.ledger.commit(n);
    }
    await parts.inner.putBack(WORKER, (now) => older(now, 1n));
    parts.sandbox.alive = false;
    await expectGivenUp({ ...parts, waiter: watch(parts.ledger.commit('4')) }, 'no live sandbox holds it');
  });

  test('ends when the sandbox is lost before it has said everything', async () => {
    const parts = await openStale();
    parts.ledger.beginDump(parts.sandbox.asked);
    parts.ledger.takeDumped('n', '4');
    parts.ledger.sandboxGone();
    await expectGivenUp(parts, 'its sandbox was lost meanwhile');
  });

  test('ends when the guest cannot say everything', async () => {
    const parts = await openStale();
    parts.ledger.beginDump(parts.sandbox.asked);
    parts.ledger.endDump(parts.sandbox.asked, null);
    await expectGivenUp(parts, 'could not say its state');
  });

  test('ends when it takes too long, and what comes then is too late', async () => {
    const parts = await openStale();
    await parts.clock.advanceAsync(DUMP_MS_MAX - 1);
    expect(parts.waiter.outcome).toBe('open');
    await parts.clock.advanceAsync(2);
    parts.dump();
    await expectGivenUp(parts, 'did not say its state within 30 s');
  });

  test('is not ended by the loss of a sandbox that has said everything', async () => {
    const { store, dump, ledger, clock, waiter, told } = await openStale();
    store.next.push('refuse');
    dump();
    ledger.sandboxGone();
    await clock.advanceAsync(1_000);
    expect(waiter.outcome).toBe('ok');
    expect(told.repaired).toHaveLength(1);
  });

  test('that is closed leaves no timer', async () => {
    const { ledger, clock, waiter } = await openStale();
    ledger.close(new RuntimeError('STOPPED', 'The engine stopped.'));
    await settle();
    expect(waiter.outcome).toMatchObject({ code: 'STOPPED' });
    expect(clock.pending).toBe(0);
  });
});

describe('a cell that says a state', () => {
  const refused = expect.objectContaining({ code: 'CELL_PROTOCOL' });

  test('that nobody asked for is refused', async () => {
    const { ledger } = await openLedger();
    expect(() => ledger.beginDump(1)).toThrow(refused);
    expect(() => ledger.takeDumped('n', '1')).toThrow(refused);
    expect(() => ledger.endDump(1, 0)).toThrow(refused);
  });

  test('in another order, under another number or not to its end is refused', async () => {
    const { ledger, sandbox } = await openStale();
    const { asked } = sandbox;
    expect(() => ledger.takeDumped('n', '1')).toThrow(refused);
    expect(() => ledger.endDump(asked, 0)).toThrow(refused);
    expect(() => ledger.beginDump(asked + 1)).toThrow(refused);
    ledger.beginDump(asked);
    expect(() => ledger.beginDump(asked)).toThrow(refused);
    ledger.takeDumped('n', '4');
    expect(() => ledger.write('n', '5')).toThrow(refused);
    expect(() => ledger.endDump(asked, 2)).toThrow(refused);
    expect(() => ledger.endDump(asked + 1, null)).toThrow(refused);
  });

  test('over the limits of a state is refused', async () => {
    const { ledger, sandbox } = await openStale();
    ledger.beginDump(sandbox.asked);
    expect(() => ledger.takeDumped('k'.repeat(257), '1')).toThrow(refused);
    expect(() => ledger.takeDumped('k', 'x'.repeat(512 * 1024 + 1))).toThrow(refused);
    expect(() => ledger.takeDumped('\ud800', '1')).toThrow(refused);
    expect(() => {
      for (let n = 0; n < 33; n++) ledger.takeDumped(`k${n}`, 'x'.repeat(512 * 1024));
    }).toThrow(refused);
  });
});

describe('whatever the store does and however often it is put back', () => {
  test('what was acknowledged is stored, and nothing goes back', async () => {
    const step = fc.record({
      fates: fc.array(fc.constantFrom<Fate>('ok', 'ok', 'refuse', 'lose'), { maxLength: 3 }),
      putBack: fc.option(fc.constantFrom(-2n, -1n, 3n, 'gone' as const), { freq: 2 }),
      writes: fc.integer({ min: 1, max: 3 }),
      waitMs: fc.nat(150),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const { ledger, store, clock, inner, sandbox, dump, write, state, told } = await openLedger();
        const acknowledged: number[] = [];
        const answer = (): void => {
          if (sandbox.asked < 0) return;
          dump();
          sandbox.asked = -1;
        };
        let n = 0;
        for (const { fates, putBack, writes, waitMs } of steps) {
          if (putBack !== null)
            await inner.putBack(WORKER, (now) => {
              const revision = putBack === 'gone' ? 0n : now.revision + putBack;
              // Another state under the very revision that comes next cannot be told by its number.
              if (revision === ledger.revision) return now;
              return revision < 1n ? null : older(now, revision);
            });
          store.next.push(...fates);
          for (let i = 0; i < writes; i++) {
            const value = ++n;
            write('n', String(value));
            write(`k${value % 3}`, value % 5 === 0 ? null : String(value));
            void ledger.commit(String(value)).then(() => acknowledged.push(value));
          }
          await clock.advanceAsync(waitMs);
          answer();
        }
        store.next.length = 0;
        for (let i = 0; i < 3; i++) {
          await clock.advanceAsync(2_000);
          answer();
        }
        await settle();
        expect(told.lost).toEqual([]);
        expect(acknowledged).toEqual(Array.from({ length: n }, (_, i) => i + 1));
        const stored = await state();
        expect(stored['n']).toBe(String(n));
        expect(ledger.keys).toBe(Object.keys(stored).length);
      }),
      { numRuns: 60 },
    );
  });
});
