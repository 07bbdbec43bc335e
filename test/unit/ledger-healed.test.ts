/** A store with several copies that has healed itself by the time it is read: no sandbox is needed to go on. */
import { describe, expect, test } from 'vitest';
import { RuntimeError } from '../../src/core/errors.ts';
import { STATE_LIMITS } from '../../src/core/limits.ts';
import type { Claimed } from '../../src/store/contracts.ts';
import { Ledger } from '../../src/supervisor/ledger.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RestorableStore } from '../support/restorable-store.ts';
import { CommandedStore } from '../support/stores.ts';
import { watch } from '../support/watch.ts';

const WORKER = 'default/w';

/** Three revisions with n = 3, then a store that holds an older one until {@link heal}. */
async function openStale() {
  const clock = new FakeClock();
  const inner = new RestorableStore();
  const store = new CommandedStore(inner);
  const lost: RuntimeError[] = [];
  const sandbox = { alive: true, asked: -1 };
  const ledger = new Ledger({
    store,
    clock,
    worker: WORKER,
    claimed: await inner.claim(WORKER),
    limits: STATE_LIMITS,
    onStore: () => undefined,
    onLost: (error) => lost.push(error),
    askDump: (dump) => {
      sandbox.asked = dump;
      return sandbox.alive ? 30_000 : null;
    },
    onRepaired: () => undefined,
    onStored: () => undefined,
  });
  for (const n of ['1', '2', '3']) {
    ledger.write('n', n);
    await ledger.commit(n);
  }
  const whole = await inner.read(WORKER);
  const older = (now: Claimed): Claimed => ({ ...now, revision: 1n, head: '"old"', entries: [['n', '0']] });
  await inner.putBack(WORKER, older);
  const heal = (): Promise<void> => inner.putBack(WORKER, () => whole);
  const state = async (): Promise<unknown> => Object.fromEntries((await inner.read(WORKER))?.entries ?? []);
  return { clock, store, lost, sandbox, ledger, heal, state };
}

describe('a ledger whose commit was refused, and whose store heals itself', () => {
  test('goes on without a sandbox', async () => {
    const { store, sandbox, ledger, lost, state, clock, heal } = await openStale();
    sandbox.alive = false;
    ledger.write('n', '4');
    // A read that fails says nothing of what is stored.
    store.onRead = async () => {
      store.onRead = heal;
      throw new RuntimeError('STORE_UNAVAILABLE', 'not yet');
    };
    const waiter = watch(ledger.commit('4'));
    await settle();
    expect(waiter.outcome).toBe('open');
    await clock.advanceAsync(1_000);
    expect(waiter.outcome).toBe('ok');
    expect(await state()).toEqual({ n: '4' });
    expect([lost, store.replacements]).toEqual([[], []]);
  });

  test('sends what it had when the sandbox is lost in the middle of its dump', async () => {
    const { store, sandbox, ledger, lost, state, clock, heal } = await openStale();
    ledger.write('n', '4');
    const first = watch(ledger.commit('4'));
    await settle();
    ledger.write('late', '1');
    const second = watch(ledger.commit('5'));
    ledger.beginDump(sandbox.asked);
    ledger.takeDumped('n', '4');
    store.onRead = heal;
    ledger.sandboxGone();
    ledger.sandboxGone();
    await clock.advanceAsync(100);
    expect([first.outcome, second.outcome]).toEqual(['ok', 'ok']);
    expect(await state()).toEqual({ n: '4', late: '1' });
    expect(lost).toEqual([]);
    expect(store.commits.slice(-2).map(({ head }) => head)).toEqual(['4', '5']);
  });
});
