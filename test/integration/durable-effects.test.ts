import { describe, expect, onTestFinished, test } from 'vitest';
import type { Intent } from '../../src/supervisor/intents.ts';
import { startEngine, workerOf } from '../support/engine.ts';
import { startExchange } from '../support/exchange.ts';
import { createExchangeAdapter } from '../support/exchange-adapter.ts';
import { RestorableStore } from '../support/restorable-store.ts';
import { headOf, JAVASCRIPT, PYTHON, startWorld } from '../support/trading-world.ts';

const PYTHON_MS = { timeout: 60_000 };

describe.each([
  ['JavaScript', JAVASCRIPT],
  ['Python', PYTHON],
])('a durable call in %s', (_language, worker) => {
  test('is stored for good before it is sent, and its outcome before the reply', PYTHON_MS, async () => {
    const { engine, store, exchange, stored, state } = await startWorld();
    const atOrder: { intents: readonly Intent[]; state: Record<string, unknown>; durable: boolean | undefined }[] = [];
    exchange.onOrder = async (id) => {
      const commit = store.commits.find(({ head }) => headOf(head).intents.some((intent) => intent.id === id));
      expect(headOf(commit?.head).tick).toBe(1);
      atOrder.push({ intents: await stored(), state: await state(), durable: commit?.durable });
    };
    await engine.run('w', worker);
    await engine.okTicks('w', 3);
    const [{ intents, state: before, durable } = { intents: [], state: {}, durable: false }] = atOrder;
    expect(atOrder).toHaveLength(1);
    expect(durable).toBe(true);
    expect(before).toEqual({ seen: [], before: 'written' });
    expect(intents).toMatchObject([
      {
        adapter: 'exchange',
        method: 'place',
        tick: 1,
        fn: 'tick',
        status: 'open',
        request: '{"quantity":2,"symbol":"BTC"}',
      },
    ]);
    expect(intents[0]?.id).toMatch(/^[0-9a-f]{32}$/);
    expect([...exchange.orders]).toEqual([[intents[0]?.id, 1]]);
    // The outcome was stored by a commit of its own, before what the worker wrote when it had the reply.
    const settled = store.commits.findIndex(({ head }) => headOf(head).intents[0]?.status === 'done');
    const told = store.commits.findIndex(({ changes }) => changes.some(({ key }) => key === 'reply'));
    expect(settled).toBeGreaterThan(0);
    expect(told).toBeGreaterThan(settled);
    expect(headOf(store.commits[told]?.head).intents, 'it goes with what the worker wrote about it').toEqual([]);
    expect(await stored()).toEqual([]);
    expect(await state()).toMatchObject({ seen: [], own: 0, reply: { orderId: 1, symbol: 'BTC', quantity: 2 } });
    // Nothing else waited for every copy but the start.
    expect(store.commits.filter((commit) => commit.durable === true)).toHaveLength(2);
  });

  test.each([
    ['cut-after', 'done', 1],
    ['fail-after', 'done', 1],
    ['cut-before', 'absent', null],
    ['fail-before', 'absent', null],
    ['late', 'done', 1],
  ] as const)('that met "%s" is unknown, and then %s, once', PYTHON_MS, async (trouble, status, order) => {
    const { engine, exchange, stored, state } = await startWorld({ troubles: [trouble] });
    await engine.run('w', worker);
    await engine.okTicks('w', 2);
    await expect.poll(stored, { timeout: 10_000 }).toEqual([]);
    const { seen, caught, own, message } = (await state()) as { seen: unknown[][]; [key: string]: unknown };
    // What is not there may still come, until its window is over.
    const before = seen.slice(0, -1).map((row) => row[3]);
    const hasWaited = status === 'absent' || trouble === 'late';
    expect(new Set(before)).toEqual(new Set(hasWaited ? ['unknown'] : []));
    expect(seen.at(-1)).toEqual([expect.any(Number), 1, 'place', status, order, 'BTC', 32]);
    expect([caught, own]).toEqual(['UPSTREAM_FAILED', 0]);
    expect(message).toContain('ctx.exchange.unresolved');
    expect(await stored()).toEqual([]);
    expect([...exchange.sent.values()], 'it is sent once').toEqual([1]);
  });

  test('stays unknown while the exchange is away, and the worker ticks', PYTHON_MS, async () => {
    const { engine, exchange, state } = await startWorld({ troubles: ['cut-after'] });
    exchange.onOrder = () => {
      exchange.away = true;
    };
    await engine.run('w', worker);
    await engine.okTicks('w', 3);
    exchange.away = false;
    const statuses = async (): Promise<unknown[]> => ((await state())['seen'] as unknown[][]).map((row) => row[3]);
    await expect.poll(statuses, { timeout: 10_000 }).toContain('done');
    await engine.okTicks('w', 2);
    const all = await statuses();
    expect(all.slice(0, 2)).toEqual(['unknown', 'unknown']);
    expect(all.filter((status) => status === 'done')).toHaveLength(1);
    expect(all.at(-1)).toBe('done');
    expect([...exchange.orders.values()]).toEqual([1]);
  });

  test('whose cell dies is found out before the next tick', PYTHON_MS, async () => {
    const { engine, exchange, state } = await startWorld({ troubles: ['hold'] });
    await engine.run('w', worker);
    await expect.poll(() => exchange.orders.size, { timeout: 30_000 }).toBe(1);
    const pid = engine.runtime.worker('w').cell;
    if (pid === null) throw new Error('the worker has no cell');
    process.kill(pid, 'SIGKILL');
    await engine.okTicks('w', 2);
    const { seen } = await state();
    expect(seen).toEqual([[2, 1, 'place', 'done', 1, 'BTC', 32]]);
    expect([...exchange.sent.values()]).toEqual([1]);
  });
});

/** Gives the test a moment between what it writes and its order. */
const SLOW = `
  export async function tick(ctx) {
    if (ctx.worker.tick > 1) return ctx.state.set('seen', ctx.exchange.unresolved.length);
    ctx.state.set('before', 1);
    await ctx.state.flush();
    ctx.log.info('about to');
    await new Promise((done) => setTimeout(done, 300));
    ctx.state.set('reply', await ctx.exchange.place('A', 1));
  }`;

describe('a durable call', () => {
  test('is not sent while the store is away, and is when it is back', async () => {
    const { engine, store, exchange, state } = await startWorld();
    store.readsToo = false;
    await engine.run('w', JAVASCRIPT.replaceAll('tick !== 1', 'tick !== 3'));
    await engine.okTicks('w', 2);
    store.fate = 'refuse';
    const tries = store.commits.length;
    await expect.poll(() => store.commits.length, { timeout: 10_000 }).toBeGreaterThan(tries + 3);
    expect(exchange.sent.size).toBe(0);
    store.fate = 'ok';
    await engine.okTicks('w', 2);
    expect([...exchange.sent.values()]).toEqual([1]);
    expect((await state())['reply']).toMatchObject({ orderId: 1 });
    expect(engine.ticks.every(({ outcome }) => outcome === 'ok')).toBe(true);
  });

  test('is not sent when another node has taken the worker over meanwhile', async () => {
    const { engine, memory, exchange } = await startWorld();
    await engine.run('w', SLOW);
    await engine.next('log', ({ text }) => text === 'about to');
    await memory.claim('default/w');
    await engine.inState('w', 'failed');
    expect(engine.runtime.worker('w').reason).toContain('another owner took it over');
    expect(exchange.sent.size).toBe(0);
  });

  test('over a store that was put back is sent once everything is stored again', async () => {
    const store = new RestorableStore();
    const { engine, exchange, state } = await startWorld({ stateStore: store });
    const atOrder: unknown[] = [];
    exchange.onOrder = async () => {
      const stored = await store.read('default/w');
      atOrder.push([Object.fromEntries(stored?.entries ?? [])['before'], headOf(stored?.head).intents[0]?.status]);
    };
    await engine.run('w', SLOW);
    await engine.next('log', ({ text }) => text === 'about to');
    await store.putBack('default/w', (now) => ({ ...now, revision: now.revision - 1n, entries: [], head: null }));
    await engine.okTicks('w', 2);
    expect(atOrder).toEqual([['1', 'open']]);
    expect([...exchange.sent.values()]).toEqual([1]);
    expect(await state()).toMatchObject({ before: 1, reply: { orderId: 1 }, seen: 0 });
  });

  test('that is answered after its tick is shown as done, though nobody asked for it', async () => {
    const { engine, exchange, state, stored } = await startWorld({ troubles: ['hold'], adapter: { deaf: true } });
    exchange.onOrder = () => undefined;
    await engine.run('w', JAVASCRIPT, {
      tickTimeoutMs: 300,
      maxErrors: 3,
      schedule: { kind: 'interval', intervalMs: 50 },
    });
    const timedOut = engine.next('tick', ({ outcome }) => outcome === 'timeout');
    await expect.poll(() => exchange.orders.size, { timeout: 10_000 }).toBe(1);
    exchange.away = true;
    await timedOut;
    await engine.okTicks('w', 2);
    expect((await stored())[0]).toMatchObject({ status: 'unknown' });
    exchange.release();
    await expect.poll(stored, { timeout: 5_000 }).toEqual([]);
    const { seen } = (await state()) as { seen: unknown[][] };
    expect(seen.at(0)?.[3]).toBe('unknown');
    expect(seen.at(-1)).toEqual([expect.any(Number), 1, 'place', 'done', 1, 'BTC', 32]);
    expect(exchange.asked).toBe(0);
  });

  test('that the adapter refuses before it sends is forgotten, and so is what the exchange refuses for good', async () => {
    const { engine, exchange, state, stored } = await startWorld();
    await engine.run(
      'w',
      `export async function tick(ctx) {
         if (ctx.worker.tick > 1) return ctx.state.set('seen', ctx.exchange.unresolved);
         const codeOf = (call) => call.catch((error) => error.code);
         ctx.state.set('codes', [
           await codeOf(ctx.exchange.place('BTC', 0)),
           await codeOf(ctx.exchange.place({ symbol: 'BTC', note: 'x'.repeat(20000) })),
           await codeOf(ctx.exchange.place('BTC', -1)),
         ]);
       }`,
    );
    await engine.okTicks('w', 2);
    expect(await state()).toEqual({
      codes: ['BAD_ARGUMENT', 'BAD_ARGUMENT', { error: 'a quantity is positive' }],
      seen: [],
    });
    expect(await stored()).toEqual([]);
    expect([...exchange.sent.values()]).toEqual([1]);
  });

  test('may be one of many in a tick, each with its own id; 32 of unknown outcome are the limit', async () => {
    const { engine, exchange, state, stored } = await startWorld();
    exchange.troubles.push(...Array.from({ length: 40 }, () => 'none' as const));
    exchange.troubles.push(...Array.from({ length: 32 }, () => 'cut-after' as const));
    exchange.onOrder = () => {
      exchange.away = exchange.sent.size >= 71;
    };
    await engine.run(
      'w',
      `const codeOf = (call) => call.then(() => 'ok', (error) => error.code);
       export async function tick(ctx) {
         const { tick } = ctx.worker;
         if (tick === 1) for (let i = 0; i < 40; i++) await ctx.exchange.place('A', 1);
         if (tick === 2)
           ctx.state.set('codes', await Promise.all(Array.from({ length: 32 }, () => codeOf(ctx.exchange.place('A', 1)))));
         if (tick === 3) ctx.state.set('next', await ctx.exchange.place('A', 1).catch(String));
       }`,
    );
    await engine.okTicks('w', 3);
    const { codes, next } = (await state()) as { codes: string[]; next: string };
    expect(codes).toEqual(codes.map(() => 'UPSTREAM_FAILED'));
    expect(next).toContain('32 durable calls of this worker are open');
    expect(await stored()).toHaveLength(32);
    expect(exchange.orders.size).toBe(72);
    expect(new Set(exchange.sent.values())).toEqual(new Set([1]));
  });

  test('stays in the list while ticks fail, and leaves it with the first that is ok, looked at or not', async () => {
    const { engine, state, stored } = await startWorld({ troubles: ['cut-after'] });
    await engine.run(
      'w',
      `export async function tick(ctx) {
         const { tick } = ctx.worker;
         if (tick === 1) await ctx.exchange.place('A', 1).catch(() => undefined);
         if (tick === 2 || tick === 3) {
           ctx.state.set('seen' + tick, ctx.exchange.unresolved.map(({ status }) => status));
           throw new Error('not yet');
         }
       }`,
    );
    await engine.next('tick', ({ tick }) => tick === 3);
    expect(await state()).toEqual({ seen2: ['done'], seen3: ['done'] });
    expect(await stored()).toHaveLength(1);
    await engine.next('tick', ({ tick }) => tick === 4);
    expect(await stored()).toEqual([]);
  });

  test('whose tick fails after the reply is shown to the next: what the worker knew may be lost', async () => {
    const { engine, state } = await startWorld();
    await engine.run(
      'w',
      `export async function tick(ctx) {
         if (ctx.worker.tick > 1) return ctx.state.set('seen' + ctx.worker.tick, ctx.exchange.unresolved.map(({ status }) => status));
         await ctx.exchange.place('A', 1);
         throw new Error('before it was noted');
       }`,
    );
    await engine.okTicks('w', 2);
    expect(await state()).toEqual({ seen2: ['done'], seen3: [] });
  });

  test('whose reply was told, but whose cell died before the worker noted it, is shown to the next tick', async () => {
    const { engine, exchange, state } = await startWorld();
    await engine.run(
      'w',
      `export async function tick(ctx) {
         const { tick } = ctx.worker;
         if (tick > 1) return ctx.state.set('seen' + tick, ctx.exchange.unresolved.map(({ status, result }) => [status, result.orderId]));
         await ctx.exchange.place('A', 1);
         ctx.log.info('has the reply');
         await new Promise((done) => setTimeout(done, 60_000));
       }`,
    );
    await engine.next('log', ({ text }) => text === 'has the reply');
    process.kill(engine.runtime.worker('w').cell ?? 0, 'SIGKILL');
    await engine.okTicks('w', 2);
    expect(await state()).toEqual({ seen2: [['done', 1]], seen3: [] });
    expect(exchange.asked, 'its outcome was stored').toBe(0);
  });

  test('of setup and of on_error has an id of its own each time', async () => {
    const { engine, exchange, state } = await startWorld();
    await engine.run(
      'w',
      `export async function setup(ctx) {
         await ctx.exchange.place('A', 1);
         const tries = ctx.state.get('tries', 0) + 1;
         ctx.state.set('tries', tries);
         if (tries < 2) throw new Error('again');
       }
       export async function on_error(ctx) { await ctx.exchange.place('A', 1); }
       export function tick(ctx) { ctx.state.set('seen', ctx.exchange.unresolved.length); }`,
    );
    await engine.okTicks('w');
    expect([...exchange.orders.values()]).toEqual([1, 1, 1]);
    expect([...exchange.sent.values()]).toEqual([1, 1, 1]);
    // The setup that failed had its reply, and no tick was ok since.
    expect(await state()).toEqual({ tries: 2, seen: 1 });
  });

  test('of an adapter that is gone says so, and the rest of the adapter raises NOT_CONNECTED', PYTHON_MS, async () => {
    const exchange = await startExchange();
    onTestFinished(() => exchange.close());
    exchange.troubles.push('cut-after', 'cut-after');
    exchange.mute = true;
    const first = await startEngine({ adapters: [createExchangeAdapter(exchange.url)] });
    const javascript = `export async function tick(ctx) {
      if (ctx.worker.tick === 1) return void (await ctx.exchange.place('A').catch(() => undefined));
      const [{ status, reason }] = ctx.exchange.unresolved;
      ctx.state.set('seen', [status, reason, await (async () => ctx.exchange.place('A'))().catch(({ code }) => code)]);
    }`;
    const python = `
def tick(ctx):
    if ctx.worker.tick == 1:
        try:
            ctx.exchange.place("A")
        except Exception:
            return
    call = ctx.exchange.unresolved[0]
    try:
        ctx.exchange.place("A")
        raised = None
    except Exception as error:
        raised = error.code
    ctx.state.set("seen", [call["status"], call["reason"], raised])
`;
    const schedule = { kind: 'interval', intervalMs: 3_600_000 } as const;
    await first.run('js', javascript, { schedule });
    await first.run('py', python, { schedule });
    await expect.poll(() => first.ticks.length, { timeout: 40_000 }).toBe(2);
    await first.stop();
    const second = await startEngine({ dataDir: first.dataDir });
    for (const [name, code] of [
      ['js', javascript],
      ['py', python],
    ] as const) {
      await second.runtime.deploy(workerOf(name, code));
    }
    await Promise.all([second.okTicks('js'), second.okTicks('py')]);
    for (const name of ['js', 'py'])
      expect((await second.runtime.readState(name))['seen']).toEqual([
        'unknown',
        expect.stringContaining('ctx.exchange is not connected'),
        'NOT_CONNECTED',
      ]);
  });

  test('leaves cancel and orders as they are: an effect that waits for the state, and a call that waits for nothing', async () => {
    const { engine, store, exchange, state } = await startWorld();
    await engine.run(
      'w',
      `export async function tick(ctx) {
         if (ctx.worker.tick > 1) return;
         ctx.state.set('a', 1);
         ctx.state.set('seen', [await ctx.exchange.cancel(7), await ctx.exchange.orders('BTC')]);
       }`,
    );
    await engine.okTicks('w');
    expect(await state()).toMatchObject({ seen: [{ cancelled: 7 }, []] });
    expect(exchange.cancelled).toEqual([7]);
    expect(store.commits.filter((commit) => commit.durable === true)).toHaveLength(1);
  });
});
