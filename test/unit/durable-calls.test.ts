import { describe, expect, test } from 'vitest';
import type { PendingRequest, ResolvedRequest } from '../../src/bridge/dispatcher.ts';
import { RuntimeError } from '../../src/core/errors.ts';
import { DurableCalls } from '../../src/supervisor/durable-calls.ts';
import type { Intent } from '../../src/supervisor/intents.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

interface Setup {
  readonly mayAct?: () => boolean;
  readonly resolve?: (request: PendingRequest, signal: AbortSignal) => Promise<ResolvedRequest>;
  readonly intents?: readonly Intent[];
}

const never = (): Promise<never> => new Promise(() => undefined);

/** Durable calls over a head in memory; what happens is told in its order. */
function open({ mayAct = () => true, resolve = never, intents = [] }: Setup = {}) {
  const clock = new FakeClock();
  const head = { tick: 4, intents };
  const events: string[] = [];
  let ids = 0;
  const calls = new DurableCalls(
    {
      clock,
      log: (_level, message) => events.push(`log ${message.split('\n')[0]}`),
      newId: () => `owner${++ids}`,
      durableWindowMs: 10_000,
      mayAct: () => {
        events.push('mayAct');
        return mayAct();
      },
      dispatcher: { resolve: (_worker, request, { signal }) => resolve(request, signal) },
    },
    {
      worker: 'default/w',
      head: () => head,
      update: (change) => Object.assign(head, change),
      commit: async (need) => void events.push(`late commit ${need}`),
    },
  );
  const place = (send: (id: string) => Promise<string>, signal = new AbortController().signal): Promise<string> => {
    const sent = (id: string): Promise<string> => {
      events.push('send');
      return send(id);
    };
    return calls.perform({ adapter: 'exchange', method: 'place', request: '{}', send: sent }, signal, async (need) => {
      const what = `commit ${need} ${head.intents.map(({ status }) => status).join()}`;
      await settle();
      events.push(what);
    });
  };
  return { calls, clock, head, events, place };
}

const PENDING: Intent = {
  id: 'a',
  adapter: 'exchange',
  method: 'place',
  tick: 3,
  fn: 'tick',
  at: 1,
  request: '{}',
  status: 'open',
};
const pending = (count: number): Intent[] => Array.from({ length: count }, (_, i) => ({ ...PENDING, id: `i${i}` }));

describe('a durable call', () => {
  test('is told until when it may be acted on, and that is stored before', async () => {
    const { calls, head, clock } = open();
    calls.begin('tick');
    const stored: (number | undefined)[] = [];
    const commit = async () => {
      stored.push(head.intents[0]?.notAfter);
      // A store that is away for long, the first time.
      if (stored.length === 1) await clock.advanceAsync(60_000);
    };
    const sent: number[] = [];
    const send = async (_id: string, notAfter: number) => {
      sent.push(notAfter);
      return '{}';
    };
    const from = clock.wallMs();
    const signal = new AbortController().signal;
    await calls.perform({ adapter: 'exchange', method: 'place', request: '{}', send }, signal, commit);
    expect(stored.slice(0, 2)).toEqual([from + 10_000, from + 70_000]);
    expect(sent).toEqual([from + 70_000]);
  });

  test('is stored, allowed, sent, and its outcome is stored, in this order; it goes with the run that heard it', async () => {
    const { calls, head, events, place } = open();
    calls.begin('tick');
    expect(await place(async () => '{"ok":1}')).toBe('{"ok":1}');
    expect(events).toEqual(['commit durable open', 'mayAct', 'send', 'commit now done']);
    expect(head.intents).toMatchObject([{ status: 'done', result: '{"ok":1}', tick: 4, fn: 'tick' }]);
    calls.end('ok');
    expect(head.intents).toEqual([]);
  });

  test('is FENCED when the node may not act any more: nothing is sent, nothing is kept', async () => {
    const { calls, head, events, place } = open({ mayAct: () => false });
    calls.begin('tick');
    await expect(place(async () => '1')).rejects.toMatchObject({ code: 'FENCED' });
    expect(events).not.toContain('send');
    expect(head.intents).toEqual([]);
  });

  test('is not sent when its run ended while it was stored, nor outside of a run', async () => {
    const { calls, head, events, place } = open();
    await expect(place(async () => '1')).rejects.toMatchObject({ code: 'STOPPED' });
    calls.begin('tick');
    const abort = new AbortController();
    const asked = place(async () => '1', abort.signal);
    abort.abort();
    await expect(asked).rejects.toMatchObject({ code: 'STOPPED' });
    expect(events).not.toContain('send');
    expect(head.intents).toEqual([]);
  });

  test.each(['BAD_ARGUMENT', 'EGRESS_DENIED'] as const)('that fails with %s was not sent', async (code) => {
    const { calls, head, place } = open();
    calls.begin('tick');
    const refused = place(() => Promise.reject(new RuntimeError(code, 'no')));
    await expect(refused).rejects.toMatchObject({ code, message: 'no' });
    expect(head.intents).toEqual([]);
  });

  test('that turns out not to be sent after its run is shown as absent', async () => {
    const { calls, head, place } = open();
    const answer = Promise.withResolvers<string>();
    calls.begin('tick');
    const asked = place(() => answer.promise);
    await settle();
    calls.end('timeout');
    answer.reject(new RuntimeError('BAD_ARGUMENT', 'no'));
    await expect(asked).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    expect(head.intents).toMatchObject([{ status: 'absent' }]);
  });

  test('that fails in any other way is unknown, and says no more of a mistake in the adapter than that', async () => {
    const { calls, head, events, place } = open();
    calls.begin('tick');
    const codes = ['UPSTREAM_FAILED', 'OUTPUT_LIMIT', 'STOPPED', 'CALL_LIMIT'] as const;
    for (const code of codes) {
      const failed = place(() => Promise.reject(new RuntimeError(code, `failed as ${code}`)));
      await expect(failed).rejects.toMatchObject({ code: 'UPSTREAM_FAILED' });
    }
    const broken = place(() => Promise.reject(new TypeError('in /secret/path')));
    await expect(broken).rejects.toThrow(expect.objectContaining({ message: expect.not.stringContaining('secret') }));
    expect(head.intents.map(({ status, reason }) => [status, reason])).toEqual([
      ...codes.map((code) => ['unknown', `failed as ${code}`]),
      ['unknown', 'the adapter failed'],
    ]);
    expect(events.filter((event) => event.startsWith('log'))).toHaveLength(1);
  });

  test('has an id that no other has: not the next in its run, not a run of the same tick, not another owner', async () => {
    const ids: string[] = [];
    const send = async (id: string): Promise<string> => {
      ids.push(id);
      return '1';
    };
    const { calls, place } = open();
    for (const fn of ['setup', 'setup', 'on_error'] as const) {
      calls.begin(fn);
      await Promise.all([place(send), place(send)]);
      calls.end('error');
    }
    expect(new Set(ids).size).toBe(6);
  });

  test('that is answered late is stored as done, and shown until a tick is ok', async () => {
    const { calls, head, events, place } = open();
    const answer = Promise.withResolvers<string>();
    calls.begin('tick');
    const abort = new AbortController();
    const asked = place(() => answer.promise, abort.signal);
    await settle();
    abort.abort();
    calls.end('timeout');
    answer.resolve('"late"');
    await asked;
    expect(events.at(-1)).toBe('late commit soon');
    for (const [fn, outcome, left] of [
      ['resume', 'ok', 1],
      ['tick', 'error', 1],
      ['tick', 'ok', 0],
    ] as const) {
      calls.begin(fn);
      calls.end(outcome);
      expect(head.intents, `${fn} ${outcome}`).toHaveLength(left);
    }
  });

  test('whose outcome comes while a tick runs is kept for the next one', async () => {
    const answer = Promise.withResolvers<ResolvedRequest>();
    const { calls, head, clock } = open({ intents: [PENDING], resolve: () => answer.promise });
    calls.resolver.wake();
    const ready = calls.resolver.ready();
    await clock.advanceAsync(10_000);
    await ready;
    calls.begin('tick');
    head.intents = [{ ...PENDING, status: 'done', result: '1' }];
    calls.end('ok');
    expect(head.intents).toHaveLength(1);
    calls.begin('tick');
    calls.end('ok');
    expect(head.intents).toEqual([]);
    calls.resolver.rest();
  });
});

describe('finding out what became of one', () => {
  test('is waited for before a run, four at a time, and no longer than 10 s', async () => {
    let asking = 0;
    let most = 0;
    const { calls, clock, head } = open({
      intents: pending(9),
      resolve: async (_request, signal) => {
        most = Math.max(most, ++asking);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        asking -= 1;
        throw new Error('aborted');
      },
    });
    calls.resolver.wake();
    let isReady = false;
    void calls.resolver.ready().then(() => {
      isReady = true;
    });
    await clock.advanceAsync(9_999);
    expect([isReady, most, asking]).toEqual([false, 4, 4]);
    await clock.advanceAsync(1);
    expect(isReady).toBe(true);
    expect(head.intents.filter(({ status }) => status === 'unknown')).toHaveLength(4);
    expect(head.intents[0]?.reason).toBe('the service did not answer within 10 s');
    calls.resolver.rest();
    await settle();
    expect([clock.pending, asking]).toEqual([0, 0]);
  });

  test('is tried again after 1, 2, 4, … up to 60 s, and never again once it is known', async () => {
    const at: number[] = [];
    const { calls, clock, head } = open({
      intents: [PENDING],
      resolve: async () => {
        at.push(clock.monoMs());
        if (at.length < 10) throw new RuntimeError('UPSTREAM_FAILED', 'away');
        return { kind: 'done', json: '{"orderId":1}' };
      },
    });
    calls.resolver.wake();
    await calls.resolver.ready();
    expect(head.intents[0]).toMatchObject({ status: 'unknown', reason: 'away' });
    await clock.advanceAsync(400_000);
    expect(at.slice(1).map((time, i) => (time - (at[i] ?? 0)) / 1_000)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect(head.intents[0]).toMatchObject({ status: 'done', result: '{"orderId":1}' });
    expect(clock.pending).toBe(0);
  });

  test('holds up nobody who ends the life meanwhile', async () => {
    const { calls, clock, head } = open({ intents: pending(9) });
    calls.resolver.wake();
    const ready = calls.resolver.ready();
    await settle();
    calls.resolver.rest();
    await ready;
    await settle();
    expect(clock.pending).toBe(0);
    expect(head.intents).toEqual(pending(9));
  });

  test('begins anew in the next life, and does nothing between two', async () => {
    let asked = 0;
    const { calls, clock } = open({
      intents: [{ ...PENDING, status: 'unknown' }],
      resolve: async () => {
        asked += 1;
        return { kind: 'unknown', reason: 'away' };
      },
    });
    await calls.resolver.ready();
    expect(asked).toBe(0);
    calls.resolver.wake();
    await calls.resolver.ready();
    await calls.resolver.ready();
    expect(asked).toBe(1);
    calls.resolver.rest();
    await clock.advanceAsync(120_000);
    expect(asked).toBe(1);
    calls.resolver.wake();
    await calls.resolver.ready();
    expect(asked).toBe(2);
    calls.resolver.rest();
  });

  test('does not believe "absent" while the call itself is unanswered', async () => {
    const { calls, head, clock, place } = open({ resolve: async () => ({ kind: 'absent' }) });
    calls.resolver.wake();
    calls.begin('tick');
    const answer = Promise.withResolvers<string>();
    const asked = place(() => answer.promise);
    await settle();
    calls.end('timeout');
    await clock.advanceAsync(12_000);
    await calls.resolver.ready();
    expect(head.intents[0]).toMatchObject({ status: 'unknown', reason: 'the call is still under way' });
    answer.reject(new RuntimeError('UPSTREAM_FAILED', 'cut'));
    await expect(asked).rejects.toMatchObject({ code: 'UPSTREAM_FAILED' });
    await clock.advanceAsync(1_000);
    expect(head.intents[0]).toMatchObject({ status: 'absent' });
    calls.resolver.rest();
  });

  test('does not believe "absent" of another process\'s call before its window is over', async () => {
    const resolve = async () => ({ kind: 'absent' }) as const;
    const clock = new FakeClock();
    const notAfter = clock.wallMs() + 10_000;
    const opened = open({ intents: [{ ...PENDING, notAfter }], resolve });
    opened.calls.resolver.wake();
    await opened.calls.resolver.ready();
    expect(opened.head.intents[0]).toMatchObject({ status: 'unknown', reason: 'it may still be on its way' });
    await opened.clock.advanceAsync(11_000);
    expect(opened.head.intents[0]).toMatchObject({ status: 'unknown' });
    await opened.clock.advanceAsync(1);
    expect(opened.head.intents[0]).toMatchObject({ status: 'absent' });
    opened.calls.resolver.rest();
  });

  test('nor of a call of its own that failed: it may lie in a proxy, and is asked about right after its window', async () => {
    let isThere = false;
    const { calls, head, clock, place } = open({
      resolve: async () => (isThere ? { kind: 'done', json: '{"orderId":1}' } : { kind: 'absent' }),
    });
    calls.resolver.wake();
    const failing = async (): Promise<void> => {
      calls.begin('tick');
      const failed = place(() => Promise.reject(new RuntimeError('UPSTREAM_FAILED', 'connection reset')));
      await expect(failed).rejects.toMatchObject({ code: 'UPSTREAM_FAILED' });
      calls.end('ok');
      await calls.resolver.ready();
    };
    await failing();
    expect(head.intents).toMatchObject([{ status: 'unknown', reason: 'it may still be on its way' }]);
    await clock.advanceAsync(11_000);
    expect(head.intents).toMatchObject([{ status: 'unknown' }]);
    await clock.advanceAsync(1);
    expect(head.intents).toMatchObject([{ status: 'absent' }]);
    await failing();
    // The proxy lets it through, late.
    isThere = true;
    await clock.advanceAsync(1_000);
    expect(head.intents).toMatchObject([{ status: 'done', result: '{"orderId":1}' }]);
    calls.resolver.rest();
  });

  test('is asked again at once when the answer took until after the window: the question was asked in it', async () => {
    const clockOf: { clock?: FakeClock } = {};
    const asked: number[] = [];
    const { calls, head, clock } = open({
      intents: [{ ...PENDING, notAfter: new FakeClock().wallMs() + 2_500 }],
      resolve: async () => {
        asked.push(clockOf.clock?.monoMs() ?? 0);
        await new Promise<void>((resolve) => clockOf.clock?.after(asked.length === 3 ? 1_000 : 0, resolve));
        return { kind: 'absent' };
      },
    });
    clockOf.clock = clock;
    const from = clock.monoMs();
    calls.resolver.wake();
    void calls.resolver.ready();
    await clock.advanceAsync(4_100);
    expect(asked.map((at) => at - from)).toEqual([0, 1_000, 3_000, 4_000]);
    expect(head.intents).toMatchObject([{ status: 'absent' }]);
    calls.resolver.rest();
  });

  test('heeds the window that began anew while the call waited for the store', async () => {
    const { calls, head, clock } = open({ resolve: async () => ({ kind: 'absent' }) });
    calls.resolver.wake();
    calls.begin('tick');
    const stored = Promise.withResolvers<void>();
    let commits = 0;
    const send = (): Promise<string> => Promise.reject(new RuntimeError('UPSTREAM_FAILED', 'cut'));
    const request = { adapter: 'exchange', method: 'place', request: '{}', send };
    const failed = calls.perform(request, new AbortController().signal, () =>
      commits++ === 0 ? stored.promise : Promise.resolve(),
    );
    await calls.resolver.ready();
    await clock.advanceAsync(14_000);
    stored.resolve();
    await expect(failed).rejects.toMatchObject({ code: 'UPSTREAM_FAILED' });
    calls.end('ok');
    await clock.advanceAsync(10_900);
    expect(head.intents).toMatchObject([{ status: 'unknown' }]);
    await clock.advanceAsync(200);
    expect(head.intents).toMatchObject([{ status: 'absent' }]);
    calls.resolver.rest();
  });
});
