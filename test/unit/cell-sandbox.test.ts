/** One sandbox in a cell, with a guest whose entries the test ends: what happens between two slices of a run. */
import { describe, expect, test } from 'vitest';
import { CpuClock } from '../../sandbox/cell/cpu-clock.ts';
import { Sandbox } from '../../sandbox/cell/sandbox.ts';
import { createStream } from '../../sandbox/guest/stream.guest.ts';
import type { GuestIsolate, SliceEnd } from '../../sandbox/isolate/guest-isolate.ts';
import { RingReader } from '../../sandbox/isolate/ring-reader.ts';
import type { FromCell } from '../../sandbox/protocol.ts';
import { settle } from '../support/fake-clock.ts';

const REPORT = { functions: ['tick' as const], setupBindsGlobals: false, durationMs: 0 };
const RETURNED: SliceEnd = { kind: 'returned' };

/** A guest that stays inside until the test lets it out. */
function openGuest(language: 'javascript' | 'python' = 'javascript') {
  const sent: FromCell[] = [];
  const entered: string[] = [];
  let leave: (end: SliceEnd) => void = () => undefined;
  const guest = {
    ring: new RingReader(),
    disposed: false,
    dispose(): void {
      guest.disposed = true;
    },
    enter(entry: string): Promise<SliceEnd> {
      entered.push(entry);
      return new Promise((resolve) => {
        leave = resolve;
      });
    },
  };
  const stream = createStream(guest.ring.buffer, () => undefined);
  const sandbox = new Sandbox({ sandbox: 1, incarnation: 1 }, language, {
    cpu: new CpuClock(),
    send: (message) => sent.push(message),
    requestSlot: (asking) => {
      setImmediate(() => void asking.runSlice().then(() => asking.slotReleased()));
    },
  });
  /** The guest comes out. */
  async function out(end: SliceEnd = RETURNED): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    leave(end);
    await settle();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return {
    sandbox,
    stream,
    guest,
    sent,
    entered,
    out,
    kinds: () => sent.map(({ kind }) => kind),
    entries: () =>
      sent.flatMap((message) => (message.kind === 'stream' || message.kind === 'ended' ? (message.entries ?? []) : [])),
    async load(): Promise<void> {
      sandbox.load(guest as unknown as GuestIsolate, '{}', 1_000);
      stream.event(['e', 'ok', REPORT]);
      await out();
      sent.length = 0;
      entered.length = 0;
    },
    begin: (timeoutMs = 1_000) => sandbox.begin({ run: 1, timeoutMs, graceMs: 0 }, '{}'),
    say(id: number): void {
      stream.event(['b', id]);
      stream.tell('n', '1');
      stream.event(['w', id, 1]);
    },
  };
}

const WHOLE = [
  ['b', 7],
  ['v', 'n', '1'],
  ['w', 7, 1],
];

describe('a sandbox that is asked for its whole state', () => {
  test('says it between two runs', async () => {
    const { sandbox, load, out, say, entered, entries, kinds } = openGuest();
    await load();
    sandbox.aside('dump', 7);
    say(7);
    await out();
    expect(entered).toEqual(['dump']);
    expect(entries()).toEqual(WHOLE);
    expect(kinds()).toEqual(['stream', 'settled']);
  });

  test('says it behind the slice that is running, whose writes come first', async () => {
    const { sandbox, load, begin, out, say, stream, entered, entries } = openGuest();
    await load();
    begin();
    await settle();
    sandbox.aside('dump', 7);
    stream.set('n', '1');
    stream.open(1);
    await out();
    expect(entries()).toEqual([['s', 'n', '1']]);
    say(7);
    await out();
    expect(entered).toEqual(['begin', 'dump']);
    expect(entries()).toEqual([['s', 'n', '1'], ...WHOLE]);
  });

  test('says it also when its run ends first', async () => {
    const { sandbox, load, begin, out, say, stream, kinds, entries } = openGuest();
    await load();
    begin();
    await settle();
    sandbox.aside('dump', 7);
    stream.endedWell();
    await out();
    expect(kinds()).toEqual(['ended']);
    say(7);
    await out();
    expect(entries()).toEqual(WHOLE);
  });

  test('says it while its run waits, which costs the run no time', async () => {
    const { sandbox, load, begin, out, say, stream, sent, entered } = openGuest();
    await load();
    begin(300);
    stream.open(1);
    await out();
    sandbox.aside('dump', 7);
    say(7);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await out();
    stream.open(0);
    stream.endedWell();
    sandbox.answer({ entry: 'deliver', args: [1, 'null'] });
    await out();
    expect(entered).toEqual(['begin', 'dump', 'deliver']);
    expect(sent.at(-1)).toMatchObject({ kind: 'ended', outcome: 'ok', intact: true });
  });

  test.each<[string, SliceEnd]>([
    ['takes too long', { kind: 'terminated' }],
    ['breaks', { kind: 'threw', error: { name: 'Error', message: 'no', stack: '' } }],
  ])('and %s says that it cannot, and its run goes on', async (_what, end) => {
    const { sandbox, load, begin, out, stream, entries, sent } = openGuest();
    await load();
    begin();
    stream.open(1);
    await out();
    sandbox.aside('dump', 7);
    stream.event(['b', 7]);
    await out(end);
    expect(entries()).toEqual([
      ['b', 7],
      ['w', 7, null],
    ]);
    stream.open(0);
    stream.endedWell();
    sandbox.answer({ entry: 'deliver', args: [1, 'null'] });
    await out();
    expect(sent.at(-1)).toMatchObject({ kind: 'ended', outcome: 'ok' });
  });

  test('and dies of it says that it cannot, and its run is nobody’s error', async () => {
    const { sandbox, load, begin, out, stream, guest, entries, sent } = openGuest();
    await load();
    begin();
    stream.open(1);
    await out();
    sandbox.aside('dump', 7);
    await new Promise((resolve) => setImmediate(resolve));
    guest.dispose();
    await out({ kind: 'disposed' });
    expect(entries()).toEqual([['w', 7, null]]);
    expect(sent.at(-1)).toMatchObject({ kind: 'ended', outcome: 'cancelled', intact: false });
  });

  test('and is not loaded, or gone, says at once that it cannot', async () => {
    const fresh = openGuest();
    fresh.sandbox.aside('dump', 7);
    expect(fresh.entries()).toEqual([['w', 7, null]]);
    const gone = openGuest();
    await gone.load();
    gone.guest.dispose();
    gone.sandbox.aside('dump', 7);
    expect(gone.entries()).toEqual([['w', 7, null]]);
  });

  test('and is unloaded meanwhile says nothing more', async () => {
    const { sandbox, load, out, say, kinds } = openGuest();
    await load();
    sandbox.aside('dump', 7);
    await new Promise((resolve) => setImmediate(resolve));
    sandbox.unload();
    say(7);
    await out({ kind: 'disposed' });
    expect(kinds()).toEqual(['unloaded']);
  });
});

describe('a run that is cancelled', () => {
  test.each(['javascript', 'python'] as const)(
    'in the moment in which its slice comes back ends all the same (%s)',
    async (language) => {
      const { sandbox, load, begin, out, stream, guest, sent } = openGuest(language);
      await load();
      begin(60_000);
      await new Promise((resolve) => setImmediate(resolve));
      stream.open(1);
      sandbox.cancel(1);
      expect(guest.disposed).toBe(true);
      await out(RETURNED);
      expect(sent.at(-1)).toMatchObject({ kind: 'ended', run: 1, outcome: 'cancelled', intact: false });
    },
  );
});
