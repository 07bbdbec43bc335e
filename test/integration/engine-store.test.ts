import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Adapter } from '../../src/index.ts';
import { MemoryRecordStore, MemoryStateStore } from '../../src/store/memory.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { CommandedStore } from '../support/stores.ts';

const COUNTER = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;

interface Sent {
  readonly text: string;
  /** What the store held at that moment. */
  readonly stored: Readonly<Record<string, unknown>>;
}

/** An adapter with one outward effect and one harmless call, both of which look at the store. */
function probe(memory: MemoryStateStore): { adapter: Adapter; sent: Sent[] } {
  const sent: Sent[] = [];
  const look = async (worker: string): Promise<Readonly<Record<string, unknown>>> =>
    Object.fromEntries((await memory.read(worker))?.entries.map(([key, json]) => [key, JSON.parse(json)]) ?? []);
  const capability = (effect: boolean) => ({
    effect,
    parameters: ['text'],
    input: z.strictObject({ text: z.string() }),
    async call({ text }: { text: string }, context: { worker: string }) {
      sent.push({ text, stored: await look(context.worker) });
      return { sent: text };
    },
  });
  return { sent, adapter: { name: 'probe', capabilities: { send: capability(true), peek: capability(false) } } };
}

async function startWithStore(): Promise<{ engine: Engine; store: CommandedStore; sent: Sent[] }> {
  const memory = new MemoryStateStore();
  const store = new CommandedStore(memory);
  const { adapter, sent } = probe(memory);
  const engine = await startEngine({ stateStore: store, recordStore: new MemoryRecordStore(), adapters: [adapter] });
  return { engine, store, sent };
}

describe('a store that is away', () => {
  test('pauses the worker, acknowledges nothing, charges nobody, and everything goes on by itself', async () => {
    const { engine, store } = await startWithStore();
    await engine.run('w', COUNTER);
    await engine.okTicks('w', 2);
    const paused = engine.inState('w', 'paused');
    store.fate = 'refuse';
    await paused;
    expect(engine.runtime.worker('w').reason).toContain('told to be away');
    const ticks = engine.ticks.length;
    const inFlight = store.commits.at(-1)?.commitId;
    // The same commit is tried again and again; no tick is told and none begins.
    const tries = store.commits.length;
    await expect.poll(() => store.commits.length, { timeout: 10_000 }).toBeGreaterThan(tries + 3);
    expect(store.commits.slice(tries).every(({ commitId }) => commitId === inFlight)).toBe(true);
    expect(engine.ticks.length).toBe(ticks);
    const back = engine.okTicks('w', 3);
    store.fate = 'ok';
    await back;
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(0);
    expect(engine.ticks.every(({ outcome }) => outcome === 'ok')).toBe(true);
    const { n } = await engine.runtime.readState('w');
    expect(n).toBe(engine.ticks.length);
    const numbers = engine.ticks.map(({ tick }) => tick);
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  });

  test('with commits whose outcome is unknown counts nothing twice', async () => {
    const { engine, store } = await startWithStore();
    await engine.run('w', COUNTER);
    await engine.okTicks('w');
    for (let i = 0; i < 10; i++) store.next.push('lose', 'ok', 'refuse');
    await engine.okTicks('w', 12);
    await engine.runtime.stopWorker('w');
    expect((await engine.runtime.readState('w'))['n']).toBe(engine.ticks.length);
  });

  test('while a cell is lost delays its workers, and loses and charges nothing', async () => {
    const { engine, store } = await startWithStore();
    await engine.run('w', COUNTER);
    await engine.okTicks('w', 2);
    const pid = engine.runtime.worker('w').cell;
    if (pid === null) throw new Error('the worker has no cell');
    const paused = engine.inState('w', 'paused');
    store.fate = 'refuse';
    await paused;
    const gone = engine.next('cell', ({ event }) => event === 'lost');
    process.kill(pid, 'SIGKILL');
    await gone;
    const tries = store.commits.length;
    await expect.poll(() => store.commits.length, { timeout: 10_000 }).toBeGreaterThan(tries + 2);
    const back = engine.okTicks('w', 2);
    store.fate = 'ok';
    await back;
    await engine.runtime.stopWorker('w');
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(0);
    const ok = engine.ticks.filter(({ outcome }) => outcome === 'ok').length;
    expect((await engine.runtime.readState('w'))['n']).toBe(ok);
  });

  test('that cannot be read when a sandbox is made anew is waited for', async () => {
    const { engine, store } = await startWithStore();
    await engine.run('w', COUNTER, { schedule: { kind: 'interval', intervalMs: 1_000 } });
    await engine.okTicks('w');
    await engine.inState('w', 'waiting');
    const pid = engine.runtime.worker('w').cell;
    if (pid === null) throw new Error('the worker has no cell');
    store.fate = 'refuse';
    const paused = engine.inState('w', 'paused');
    process.kill(pid, 'SIGKILL');
    await paused;
    expect(engine.runtime.worker('w').reason).toContain('told to be away');
    const back = engine.okTicks('w', 2);
    store.fate = 'ok';
    await back;
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(0);
    expect(engine.engineLog.filter((line) => line.includes('broke inside'))).toEqual([]);
  });

  test('while a stop is asked for does not hold it up when nothing is left to store', async () => {
    const { engine, store } = await startWithStore();
    await engine.run('w', COUNTER, { schedule: { kind: 'interval', intervalMs: 3_600_000 } });
    await engine.okTicks('w');
    await engine.inState('w', 'waiting');
    const pid = engine.runtime.worker('w').cell;
    if (pid === null) throw new Error('the worker has no cell');
    store.fate = 'refuse';
    const paused = engine.inState('w', 'paused');
    process.kill(pid, 'SIGKILL');
    await paused;
    const stopped = engine.runtime.stopWorker('w');
    store.fate = 'ok';
    expect(await stopped).toMatchObject({ state: 'stopped' });
  });

  test('is not the worker’s time: a tick whose flush waits for the store longer than its timeout is ok', async () => {
    const { engine, store } = await startWithStore();
    await engine.run(
      'w',
      `export async function tick(ctx) {
         ctx.state.set('n', ctx.worker.tick);
         ctx.log.info('flushing');
         await ctx.state.flush();
         ctx.state.set('flushed', ctx.worker.tick);
       }`,
      { tickTimeoutMs: 400 },
    );
    await engine.okTicks('w');
    await engine.inState('w', 'waiting');
    store.fate = 'refuse';
    await engine.inState('w', 'paused');
    const from = performance.now();
    await expect.poll(() => performance.now() - from, { timeout: 10_000 }).toBeGreaterThan(1_500);
    const back = engine.okTicks('w');
    store.fate = 'ok';
    expect(await back).toMatchObject({ outcome: 'ok' });
    expect(engine.ticks.every(({ outcome }) => outcome === 'ok')).toBe(true);
  });

  test('while the engine stops ends the stop after its grace, and nothing is acknowledged', {
    timeout: 60_000,
  }, async () => {
    const { engine, store } = await startWithStore();
    await engine.run('w', COUNTER);
    await engine.okTicks('w');
    store.fate = 'refuse';
    await engine.inState('w', 'paused');
    const ticks = engine.ticks.length;
    await engine.runtime.stop({ graceMs: 200 });
    expect(engine.ticks.length).toBe(ticks);
    expect(engine.states.filter(({ to }) => to === 'failed')).toEqual([]);
  });
});

describe('a call with an outward effect', () => {
  test('happens only when the state written before it is stored', async () => {
    const { engine, sent } = await startWithStore();
    await engine.run(
      'w',
      `export async function tick(ctx) {
         ctx.state.set('intent', ctx.worker.tick);
         await ctx.probe.send('order ' + ctx.worker.tick);
         ctx.state.set('done', ctx.worker.tick);
       }`,
    );
    await engine.okTicks('w', 3);
    for (const [i, { text, stored }] of sent.slice(0, 3).entries()) {
      expect(text).toBe(`order ${i + 1}`);
      expect(stored['intent']).toBe(i + 1);
      expect(stored['done']).toBe(i === 0 ? undefined : i);
    }
  });

  test('does not happen while the store is away, and happens once when it is back', async () => {
    const { engine, store, sent } = await startWithStore();
    store.readsToo = false;
    await engine.run(
      'w',
      `export async function tick(ctx) {
         if (ctx.worker.tick < 3) return;
         ctx.state.set('intent', ctx.worker.tick);
         ctx.log.info('sending');
         await ctx.probe.send('order');
         await new Promise((done) => setTimeout(done, 60000));
       }`,
    );
    await engine.okTicks('w', 2);
    store.fate = 'refuse';
    await engine.next('log', ({ text }) => text === 'sending').catch(() => undefined);
    const tries = store.commits.length;
    await expect.poll(() => store.commits.length, { timeout: 10_000 }).toBeGreaterThan(tries + 2);
    expect(sent).toEqual([]);
    store.fate = 'ok';
    await expect.poll(() => sent.length, { timeout: 10_000 }).toBe(1);
    expect(sent[0]?.stored['intent']).toBe(3);
    await engine.runtime.stopWorker('w', { now: true });
  });

  test('without an effect does not wait for the store', async () => {
    const { engine, store, sent } = await startWithStore();
    await engine.run(
      'w',
      `export async function tick(ctx) {
         ctx.state.set('n', ctx.worker.tick);
         await ctx.probe.peek('look');
       }`,
    );
    await engine.okTicks('w');
    await engine.inState('w', 'waiting');
    store.fate = 'refuse';
    await engine.inState('w', 'paused');
    store.fate = 'ok';
    const last = sent.at(-1);
    expect(last?.text).toBe('look');
    expect(Number(last?.stored['n'] ?? 0)).toBeLessThan(sent.length);
  });
});

describe('calls of a worker', () => {
  test('are checked: arguments, names, and how many may be open or made', async () => {
    const { engine } = await startWithStore();
    await engine.run(
      'w',
      `const codeOf = async (call) => { try { await call(); return 'ok'; } catch (error) { return error.code; } };
       export async function tick(ctx) {
         if (ctx.worker.tick > 1) return;
         const open = await Promise.all(Array.from({ length: 40 }, () => codeOf(() => ctx.probe.peek('x'))));
         const made = [];
         for (let i = 0; i < 1000; i++) made.push(await codeOf(() => ctx.probe.peek('x')));
         ctx.state.update({
           open: open.filter((code) => code === 'ok').length,
           openCode: open.at(-1),
           made: made.filter((code) => code === 'ok').length,
           madeCode: made.at(-1),
         });
       }`,
    );
    await engine.okTicks('w');
    const { open, openCode, made, madeCode } = await engine.runtime.readState('w');
    expect([open, openCode, madeCode]).toEqual([32, 'CALL_LIMIT', 'CALL_LIMIT']);
    expect(Number(made)).toBeLessThanOrEqual(968);
    expect(Number(made)).toBeGreaterThanOrEqual(955);
    await engine.run(
      'bad',
      `const codeOf = async (call) => { try { await call(); return 'ok'; } catch (error) { return error.code; } };
       export async function tick(ctx) {
         ctx.state.set('codes', [
           await codeOf(() => ctx.probe.peek(1)),
           await codeOf(() => ctx.probe.peek({ text: 'x', more: 1 })),
           await codeOf(() => ctx.telegram.send('x')),
         ]);
       }`,
    );
    await engine.okTicks('bad');
    expect(await engine.runtime.readState('bad')).toEqual({ codes: ['BAD_ARGUMENT', 'BAD_ARGUMENT', 'NOT_CONNECTED'] });
  });

  test('log lines carry level, text, fields and tick, from both languages, and a flood is cut', {
    timeout: 60_000,
  }, async () => {
    const { engine } = await startWithStore();
    await engine.run(
      'js',
      `export function tick(ctx) {
         if (ctx.worker.tick > 1) return;
         ctx.log.debug('quiet'); ctx.log.warn('careful', { a: 1 }); console.log('plain', 2);
         for (let i = 0; i < 3000; i++) ctx.log.info('flood ' + i);
       }`,
    );
    await engine.okTicks('js', 2);
    const js = engine.logs.filter(({ worker }) => worker === 'default/js');
    expect(js.slice(0, 3).map(({ level, text, fields, tick }) => [level, text, fields, tick])).toEqual([
      ['debug', 'quiet', null, 1],
      ['warn', 'careful', '{"a":1}', 1],
      ['info', 'plain 2', null, 1],
    ]);
    expect(js.length).toBeLessThan(1_100);
    await engine.run('py', `def tick(ctx):\n    print("printed", 2)\n    ctx.log.error("bad", code=7)\n`);
    await engine.okTicks('py');
    const py = engine.logs.filter(({ worker }) => worker === 'default/py');
    expect(py.slice(0, 2).map(({ level, text, fields }) => [level, text, JSON.parse(fields ?? 'null')])).toEqual([
      ['info', 'printed 2', null],
      ['error', 'bad', { code: 7 }],
    ]);
  });
});
