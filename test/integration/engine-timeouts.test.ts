import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startEngine } from '../support/engine.ts';

const NEIGHBOUR = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;

describe.each([
  ['a loop', `export function tick(ctx) { ctx.state.set('before', true); for (;;); }`],
  [
    'a loop behind an await',
    `export async function tick(ctx) { ctx.state.set('before', true); await null; await ctx.state.flush(); for (;;); }`,
  ],
  [
    'a loop in a promise job',
    `export function tick(ctx) { ctx.state.set('before', true); return new Promise(() => { const again = () => Promise.resolve().then(again); again(); }); }`,
  ],
  [
    'a promise that never settles',
    `export function tick(ctx) { ctx.state.set('before', true); return new Promise(() => {}); }`,
  ],
])('a tick that is %s', (_what, tick) => {
  test('ends as a timeout, keeps its writes, is passed to on_error, and the neighbour goes on', async () => {
    const engine = await startEngine();
    await engine.run('neighbour', NEIGHBOUR);
    await engine.run(
      'w',
      `${tick}
       export function on_error(ctx, error) { ctx.state.set('heard', error.name); }`,
      { tickTimeoutMs: 300, maxErrors: 2 },
    );
    const first = await engine.next('tick', ({ worker }) => worker === 'default/w');
    expect(first).toMatchObject({ outcome: 'timeout', errorCode: 'TICK_TIMEOUT', tick: 1 });
    expect(first.durationMs).toBeGreaterThanOrEqual(290);
    expect(first.durationMs).toBeLessThan(2_500);
    await engine.inState('w', 'failed');
    expect(await engine.runtime.readState('w')).toEqual({ before: true, heard: 'TickTimeoutError' });
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(2);
    const neighbours = engine.ticks.filter(({ worker }) => worker === 'default/neighbour');
    expect(neighbours.every(({ outcome }) => outcome === 'ok')).toBe(true);
    expect(engine.cells.filter(({ event }) => event === 'lost')).toEqual([]);
  });
});

describe('a limit of CPU time', () => {
  const LOOP = `ctx.state.set('before', true); for (;;);`;
  const SPIN_JS = `const until = Date.now() + 120; while (Date.now() < until);`;

  test.each([
    ['JavaScript', `export function tick(ctx) { ${LOOP} }`],
    ['Python', `def tick(ctx):\n    ctx.state.set("before", True)\n    while True: pass\n`],
  ])('ends a loop in %s long before its timeout, charges it, and the worker goes on', async (_language, text) => {
    const engine = await startEngine();
    await engine.run('w', text, { cpuLimitMs: 200, maxErrors: 2 });
    const tick = await engine.next('tick', ({ worker }) => worker === 'default/w');
    expect(tick).toMatchObject({ outcome: 'cpu', errorCode: 'CPU_LIMIT' });
    expect(tick.cpuMs).toBeGreaterThan(200);
    expect(tick.errorMessage).toContain('0.2 s');
    await engine.inState('w', 'failed');
    expect(await engine.runtime.readState('w')).toEqual({ before: true });
    expect(engine.cells.filter(({ event }) => event === 'lost')).toEqual([]);
  });

  test('does not count the time in which other processes have the processors', async () => {
    // Each in a session of its own, as cells are: some systems share the processors out by session.
    const hogs = Array.from({ length: 5 * availableParallelism() }, () =>
      spawn(process.execPath, ['-e', 'console.log(1); for (;;);'], { detached: true }),
    );
    onTestFinished(() => hogs.forEach((hog) => void hog.kill('SIGKILL')));
    await Promise.all(hogs.map(({ stdout }) => once(stdout, 'data')));
    const engine = await startEngine();
    // Not by the clock: a share of the processors must not change what there is to do.
    const work = 'for (let i = 0, x = 1; i < 6e7; i++) x = (x * 1103515245 + 12345) & 0x7fffffff;';
    await engine.run('w', `export function tick() { ${work} }`, { cpuLimitMs: 60_000 });
    const tick = await engine.next('tick', ({ worker }) => worker === 'default/w');
    expect(tick.outcome).toBe('ok');
    expect(tick.cpuMs).toBeGreaterThan(50);
    expect(tick.cpuMs).toBeLessThan(0.7 * tick.durationMs);
  });

  test('counts what many short turns use together, and none of the waiting between them', async () => {
    const engine = await startEngine();
    const turns = `for (let i = 0; i < 20; i++) { const until = Date.now() + 20; while (Date.now() < until); await new Promise((go) => setTimeout(go, 1)); }`;
    await engine.run('busy', `export async function tick(ctx) { ${turns} }`, { cpuLimitMs: 150, maxErrors: 1 });
    await engine.run('waits', `export async function tick(ctx) { await new Promise((go) => setTimeout(go, 400)); }`, {
      cpuLimitMs: 150,
    });
    const busy = await engine.next('tick', ({ worker }) => worker === 'default/busy');
    expect(busy).toMatchObject({ outcome: 'cpu', errorCode: 'CPU_LIMIT' });
    await engine.okTicks('waits');
  });

  test('holds for a call that came to its end, and can be changed while the worker runs', async () => {
    const engine = await startEngine();
    await engine.run('w', `export function tick(ctx) { ${SPIN_JS} }`, { cpuLimitMs: 50, maxErrors: 1_000 });
    const over = await engine.next('tick', ({ worker }) => worker === 'default/w');
    expect(over).toMatchObject({ outcome: 'cpu', errorCode: 'CPU_LIMIT' });
    await engine.runtime.reconfigure('w', { cpuLimitMs: null });
    await engine.okTicks('w');
  });
});

describe('time limits', () => {
  test('end a loop in JavaScript without the loss of its variables', async () => {
    const engine = await startEngine();
    await engine.run('w', `let n = 0; export function tick(ctx) { ctx.state.set('n', ++n); if (n === 1) for (;;); }`, {
      tickTimeoutMs: 300,
    });
    await engine.okTicks('w');
    expect((await engine.runtime.readState('w'))['n']).toBeGreaterThanOrEqual(2);
  });

  test('a tick that waits for a call gets TickTimeoutError there, may catch it, and still counts as a timeout', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export async function tick(ctx) {
         try {
           await new Promise((done) => setTimeout(done, 60_000));
         } catch (error) {
           ctx.state.set('caught', error.name);
         }
       }`,
      { tickTimeoutMs: 200, maxErrors: 1 },
    );
    const tick = await engine.next('tick', ({ worker }) => worker === 'default/w');
    expect(tick).toMatchObject({ outcome: 'timeout', errorCode: 'TICK_TIMEOUT' });
    await engine.inState('w', 'failed');
  });

  test('a setup that takes too long counts an error and is tried again', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function setup(ctx) { ctx.state.set('tries', ctx.state.get('tries', 0) + 1); if (ctx.state.get('tries') < 2) for (;;); }
       export function tick(ctx) { ctx.state.set('ticked', true); }`,
      { setupTimeoutMs: 200 },
    );
    const setup = await engine.next('tick', ({ fn }) => fn === 'setup');
    expect(setup).toMatchObject({ outcome: 'timeout', errorCode: 'TICK_TIMEOUT' });
    await engine.okTicks('w');
    expect(await engine.runtime.readState('w')).toEqual({ tries: 2, ticked: true });
  });

  test('an on_error that takes too long is ended and only logged', async () => {
    const engine = await startEngine();
    await engine.run('w', `export function tick() { throw new Error('x'); } export function on_error() { for (;;); }`, {
      onErrorTimeoutMs: 150,
      maxErrors: 2,
    });
    await engine.inState('w', 'failed');
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(2);
    expect(engine.lines('w').filter((line) => line.includes('on_error itself failed: TickTimeoutError'))).toHaveLength(
      2,
    );
  });

  test('a loop in Python ends as a timeout, keeps its writes, and reaches on_error in a fresh interpreter', {
    timeout: 60_000,
  }, async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `
import time

def tick(ctx):
    ctx.state.set("before", True)
    while True:
        pass

def on_error(ctx, error):
    ctx.state.set("heard", type(error).__name__)
`,
      { tickTimeoutMs: 400, maxErrors: 1 },
    );
    await engine.inState('w', 'failed', 30_000);
    expect(engine.ticks).toHaveLength(1);
    expect(engine.ticks[0]).toMatchObject({ outcome: 'timeout', errorCode: 'TICK_TIMEOUT' });
    expect(await engine.runtime.readState('w')).toEqual({ before: true, heard: 'TickTimeoutError' });
  });

  test('a Python tick that waits can catch TickTimeoutError', { timeout: 60_000 }, async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `
import time

def tick(ctx):
    try:
        time.sleep(60)
    except Exception as error:
        ctx.state.set("caught", type(error).__name__)
`,
      { tickTimeoutMs: 400, maxErrors: 1 },
    );
    await engine.inState('w', 'failed', 30_000);
    expect(await engine.runtime.readState('w')).toEqual({ caught: 'TickTimeoutError' });
  });
});
