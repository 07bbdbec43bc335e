/** Changes that wait for a moment between two runs: who takes them, for how long they wait, and what a sandbox may say about them. */
import { describe, expect, test } from 'vitest';
import { RuntimeError } from '../../src/core/errors.ts';
import { STATE_LIMITS } from '../../src/core/limits.ts';
import { MemoryStateStore } from '../../src/store/memory.ts';
import { Ledger } from '../../src/supervisor/ledger.ts';
import { type Patchable, StateDesk } from '../../src/supervisor/state-desk.ts';
import { parseChanges, parseEntries, type StateEdit } from '../../src/supervisor/state-edit.ts';
import type { WorkerSelf } from '../../src/supervisor/worker-self.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { CommandedStore } from '../support/stores.ts';

const W = 'default/w';

async function openDesk() {
  const store = new CommandedStore(new MemoryStateStore());
  const clock = new FakeClock();
  const claimed = await store.claim(W);
  const ledger = new Ledger({
    store,
    clock,
    worker: W,
    claimed,
    limits: STATE_LIMITS,
    onStore: () => undefined,
    onLost: () => undefined,
    askDump: () => null,
    onRepaired: () => undefined,
    onStored: () => undefined,
  });
  const self = {
    id: W,
    ledger,
    state: 'waiting' as WorkerSelf['state'],
    reason: null,
    services: { clock, obstacle: () => null } as unknown as WorkerSelf['services'],
    commit: () => ledger.commit('{}', 'durable'),
  };
  const desk = new StateDesk(self);
  const sent: { patch: number; replace: boolean; changes: unknown }[] = [];
  const session = {
    alive: true,
    send: (order: { patch: number; replace: boolean; changes: unknown }) => void sent.push(order),
    close: () => {
      session.alive = false;
    },
  };
  const stored = async (): Promise<unknown> => Object.fromEntries((await store.read(W))?.entries ?? []);
  return { desk, self, ledger, store, clock, sent, session: session as Patchable & { alive: boolean }, stored };
}

const edit = (key: string, value: unknown): StateEdit => parseChanges([{ key, value }], STATE_LIMITS);

/** What it came to by now; `open` while it did not. */
async function now(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([
    promise.catch((error: unknown) => (error as RuntimeError).code),
    new Promise((resolve) => setImmediate(() => resolve('open'))),
  ]);
}

describe('a change of a running worker', () => {
  test('is stored from the point on at which the sandbox says that it has taken it, and not before', async () => {
    const { desk, session, sent, stored, ledger } = await openDesk();
    const asked = desk.ask(edit('a', 1), 1_000);
    const served = desk.serve(session);
    await now(served);
    expect(sent).toEqual([{ kind: 'patch', patch: 1, replace: false, changes: [['a', '1']] }]);
    // The worker's own write of before comes first, and does not win.
    ledger.write('a', '"old"');
    desk.told(1, true);
    await served;
    expect(await asked).toBe('live');
    expect(await stored()).toEqual({ a: '1' });
    ledger.write('b', '2');
    const whole = desk.ask(parseEntries([['c', '3']], STATE_LIMITS), 1_000);
    const again = desk.serve(session);
    await now(again);
    desk.told(2, true);
    await again;
    expect(await whole).toBe('live');
    expect(await stored()).toEqual({ c: '3' });
  });

  test('waits for as long as was said, and then nothing of it is done', async () => {
    const { desk, clock, session, sent, stored } = await openDesk();
    const asked = desk.ask(edit('a', 1), 75_000);
    clock.advance(74_999);
    expect(await now(asked)).toBe('open');
    clock.advance(1);
    await expect(asked).rejects.toMatchObject({ code: 'ILLEGAL_TRANSITION', message: expect.stringContaining('75 s') });
    await desk.serve(session);
    expect(sent).toEqual([]);
    expect(await stored()).toEqual({});
    expect(clock.pending).toBe(0);
  });

  test.each([
    ['is lost', (desk: StateDesk) => desk.sandboxGone()],
    ['cannot say how much of it was done', (desk: StateDesk) => desk.told(1, null)],
    ['says nothing', (_desk: StateDesk, clock: FakeClock) => clock.advance(30_000)],
  ] as const)('is stored without the sandbox when that %s', async (_what, happens) => {
    const { desk, clock, session, stored } = await openDesk();
    const asked = desk.ask(edit('a', 1), 100_000);
    const served = desk.serve(session);
    await now(served);
    happens(desk, clock);
    await served;
    expect(await asked).toBe('stored');
    expect(session.alive).toBe(false);
    expect(await stored()).toEqual({ a: '1' });
    // What comes too late is what nobody asked for.
    expect(() => desk.told(1, true)).toThrow(expect.objectContaining({ code: 'CELL_PROTOCOL' }));
  });

  test('is not done where the sandbox says that it would break a limit', async () => {
    const { desk, session, stored } = await openDesk();
    const asked = desk.ask(edit('a', 1), 1_000);
    const served = desk.serve(session);
    await now(served);
    desk.told(1, false);
    await served;
    await expect(asked).rejects.toMatchObject({ code: 'STATE_LIMIT' });
    expect(session.alive).toBe(true);
    expect(await stored()).toEqual({});
  });

  test('that nobody asked for ends the cell that says it', async () => {
    const { desk, session } = await openDesk();
    expect(() => desk.told(1, true)).toThrow(expect.objectContaining({ code: 'CELL_PROTOCOL' }));
    const asked = desk.ask(edit('a', 1), 1_000);
    const served = desk.serve(session);
    await now(served);
    expect(() => desk.told(2, true)).toThrow(expect.objectContaining({ code: 'CELL_PROTOCOL' }));
    desk.told(1, true);
    await served;
    expect(() => desk.told(1, true)).toThrow(expect.objectContaining({ code: 'CELL_PROTOCOL' }));
    expect(await asked).toBe('live');
  });

  test('is told to be stored later when the store goes away in the middle of it, and is', async () => {
    const { desk, session, store, clock, stored } = await openDesk();
    const asked = desk.ask(edit('a', 1), 1_000);
    const served = desk.serve(session);
    await now(served);
    store.fate = 'refuse';
    desk.told(1, true);
    await now(served);
    clock.advance(1_000);
    await expect(asked).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('as soon as'),
    });
    store.fate = 'ok';
    while ((await now(served)) === 'open') clock.advance(100);
    expect(await stored()).toEqual({ a: '1' });
  });

  test('goes back to who asked when the life ends first, and to nobody when the worker is lost', async () => {
    const { desk, self, session, ledger } = await openDesk();
    const asked = desk.ask(edit('a', 1), 1_000);
    desk.leave();
    expect(await asked).toBe('left');
    self.state = 'paused';
    await expect(desk.store(edit('a', 1))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    self.state = 'waiting';
    ledger.close(new RuntimeError('FENCED', 'taken over'));
    const late = desk.ask(edit('a', 1), 1_000);
    late.catch(() => undefined);
    await expect(desk.serve(session)).rejects.toMatchObject({ code: 'FENCED' });
    await expect(late).rejects.toMatchObject({ code: 'FENCED' });
  });
});
