import { describe, expect, test } from 'vitest';
import type { Commit, CommitResult } from '../../src/store/contracts.ts';
import { MemoryRecordStore, MemoryStateStore } from '../../src/store/memory.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { CommandedStore } from '../support/stores.ts';

const COUNTER = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;
const HOUR = { schedule: { kind: 'interval', intervalMs: 3_600_000 } } as const;
const GRACE_MS = 300;
/** What a busy machine may need beyond what the engine waits for. */
const SLACK_MS = 2_000;

async function startWith(store: CommandedStore): Promise<Engine> {
  return startEngine({ stateStore: store, recordStore: new MemoryRecordStore() });
}

async function stopMs(engine: Engine, options: { graceMs?: number; now?: boolean }): Promise<number> {
  const from = performance.now();
  await engine.runtime.stop(options);
  return performance.now() - from;
}

const told = (engine: Engine): string[] => engine.engineLog.filter((line) => line.includes('stopped before'));

describe('the stop of an engine whose store', () => {
  test('is away ends with its grace, says in one line what is not stored, and acknowledges nothing', async () => {
    const store = new CommandedStore(new MemoryStateStore());
    const engine = await startWith(store);
    for (const name of ['a', 'b']) await engine.run(name, COUNTER);
    await engine.run('idle', COUNTER, HOUR);
    await engine.okTicks('idle');
    const paused = Promise.all([engine.inState('a', 'paused'), engine.inState('b', 'paused')]);
    store.fate = 'refuse';
    await paused;
    const ticks = engine.ticks.length;
    const ms = await stopMs(engine, { graceMs: GRACE_MS });
    expect(ms).toBeGreaterThanOrEqual(GRACE_MS - 5);
    expect(ms).toBeLessThan(GRACE_MS + SLACK_MS);
    expect(told(engine)).toEqual([
      'warn: stopped before the last changes were stored, the store is away: default/a, default/b, default/idle',
    ]);
    expect(engine.ticks.length).toBe(ticks);
    expect(engine.states.filter(({ to }) => to === 'failed')).toEqual([]);
    const lost = { onlyInRedis: false, unacknowledged: true };
    expect(engine.runtime.unsaved).toEqual(['a', 'b', 'idle'].map((name) => ({ worker: `default/${name}`, ...lost })));
    // Its end is not stored, so it has not ended.
    expect(engine.states.filter(({ to }) => to === 'stopped')).toEqual([]);
    expect(engine.states.at(-1)).toMatchObject({ to: 'stopping' });
  });

  test('comes back within the grace loses nothing and has nothing to say', async () => {
    const store = new CommandedStore(new MemoryStateStore());
    const engine = await startWith(store);
    await engine.run('a', COUNTER);
    await engine.okTicks('a', 2);
    store.fate = 'refuse';
    await engine.inState('a', 'paused');
    const stopped = stopMs(engine, { graceMs: 20_000 });
    store.fate = 'ok';
    expect(await stopped).toBeLessThan(10_000);
    expect(told(engine)).toEqual([]);
    expect(engine.runtime.unsaved).toEqual([]);
    expect(engine.states.at(-1)).toMatchObject({ from: 'stopping', to: 'stopped' });
    const ok = engine.ticks.filter(({ outcome }) => outcome === 'ok').length;
    expect((await store.read('default/a'))?.entries).toEqual([['n', `${ok}`]]);
  });

  test('does not answer at all is not waited for longer than three seconds more', async () => {
    const store = new CommandedStore(new MemoryStateStore());
    const engine = await startWith(store);
    await engine.run('a', COUNTER);
    await engine.okTicks('a');
    store.gate = new Promise(() => undefined);
    await engine.inState('a', 'ticking');
    const ms = await stopMs(engine, { now: true });
    expect(ms).toBeGreaterThan(2_500);
    expect(ms).toBeLessThan(3_000 + SLACK_MS);
    expect(told(engine)).toEqual([
      'warn: stopped before the last changes were stored, the store does not answer: default/a',
    ]);
    expect(engine.runtime.unsaved).toMatchObject([{ worker: 'default/a', unacknowledged: true }]);
  });

  test('is slow is waited for: what a tick wrote that was cut is stored', async () => {
    class SlowStore extends CommandedStore {
      override async commit(commit: Commit): Promise<CommitResult> {
        await new Promise((resolve) => setTimeout(resolve, 250));
        return super.commit(commit);
      }
    }
    const store = new SlowStore(new MemoryStateStore());
    const engine = await startWith(store);
    const begun = engine.next('log', ({ text }) => text === 'begun');
    await engine.run(
      'loop',
      `export function tick(ctx) { ctx.state.set('last', 7); ctx.log.info('begun'); for (;;); }`,
    );
    await begun;
    expect(await stopMs(engine, { graceMs: GRACE_MS })).toBeLessThan(GRACE_MS + 3_000 + SLACK_MS);
    expect(told(engine)).toEqual([]);
    expect((await store.read('default/loop'))?.entries).toEqual([['last', '7']]);
  });

  test('is away ends at once when a second stop asks for it', async () => {
    const store = new CommandedStore(new MemoryStateStore());
    const engine = await startWith(store);
    await engine.run('a', COUNTER);
    await engine.okTicks('a');
    store.fate = 'refuse';
    await engine.inState('a', 'paused');
    const first = stopMs(engine, { graceMs: 60_000 });
    await engine.runtime.stop({ now: true });
    expect(await first).toBeLessThan(SLACK_MS);
  });
});
