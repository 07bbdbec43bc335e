import { describe, expect, test } from 'vitest';
import { startEngine, workerOf } from '../support/engine.ts';
import { folderWith } from '../support/folder.ts';

const COUNTER = `
export function setup(ctx) { ctx.state.set('setups', ctx.state.get('setups', 0) + 1); }
export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }
`;

/** Begins, waits until it is told that it may end (300 ms), and says which version it is. */
const slow = (version: string): string => `
export function setup(ctx) { ctx.state.set('setups', ctx.state.get('setups', 0) + 1); }
export async function tick(ctx) {
  ctx.log.info('begin ${version}');
  await new Promise((done) => setTimeout(done, 300));
  ctx.state.set('${version}', ctx.state.get('${version}', 0) + 1);
  ctx.log.info('end ${version}');
}
`;

describe('orders about a worker', () => {
  test('stop waits for the tick in flight, and nothing ticks after it', async () => {
    const engine = await startEngine();
    await engine.run('w', slow('v1'));
    await engine.next('log', ({ text }) => text === 'begin v1');
    const status = await engine.runtime.stopWorker('w');
    expect(status).toMatchObject({ state: 'stopped', desired: 'stopped', cell: null });
    expect(engine.lines('w')).toEqual(['begin v1', 'end v1']);
    expect(engine.ticks.at(-1)).toMatchObject({ outcome: 'ok', tick: 1 });
    expect(await engine.runtime.readState('w')).toEqual({ setups: 1, v1: 1 });
  });

  test('stop now cuts the tick in flight without counting an error', async () => {
    const engine = await startEngine();
    await engine.run('w', `export function tick(ctx) { ctx.state.set('in', true); for (;;); }`);
    await engine.inState('w', 'ticking');
    await engine.next('state', () => true);
    const status = await engine.runtime.stopWorker('w', { now: true });
    expect(status).toMatchObject({ state: 'stopped', consecutiveErrors: 0 });
    expect(engine.ticks.at(-1)).toMatchObject({ outcome: 'cancelled', errorCode: 'STOPPED' });
    expect(await engine.runtime.readState('w')).toEqual({ in: true });
  });

  test('restart runs setup again and keeps the state', async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTER);
    await engine.okTicks('w', 2);
    const status = await engine.runtime.restartWorker('w');
    expect(status.desired).toBe('running');
    await engine.okTicks('w');
    const state = await engine.runtime.readState('w');
    expect(state['setups']).toBe(2);
    expect(Number(state['n'])).toBeGreaterThanOrEqual(3);
  });

  test('orders given at once are carried out one after the other', async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTER);
    await engine.okTicks('w');
    await Promise.all([
      engine.runtime.stopWorker('w'),
      engine.runtime.startWorker('w'),
      engine.runtime.restartWorker('w'),
      engine.runtime.startWorker('w'),
      engine.runtime.stopWorker('w'),
      engine.runtime.startWorker('w'),
    ]);
    await engine.okTicks('w', 2);
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(0);
    expect(engine.engineLog.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  test('a worker that nobody knows is WORKER_NOT_FOUND for every order', async () => {
    const engine = await startEngine();
    const { runtime } = engine;
    for (const order of [
      runtime.startWorker('nobody'),
      runtime.stopWorker('nobody'),
      runtime.restartWorker('nobody'),
      runtime.removeWorker('nobody'),
      runtime.reconfigure('nobody', {}),
      runtime.readState('nobody'),
    ])
      await expect(order).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
    expect(() => runtime.worker('nobody')).toThrow(expect.objectContaining({ code: 'WORKER_NOT_FOUND' }));
  });

  test('a new interval counts at once and moves no state', async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTER, { schedule: { kind: 'interval', intervalMs: 3_600_000 } });
    await engine.okTicks('w');
    await engine.inState('w', 'waiting');
    const status = await engine.runtime.reconfigure('w', { schedule: { kind: 'interval', intervalMs: 40 } });
    expect(status.schedule).toEqual({ kind: 'interval', intervalMs: 40 });
    await engine.okTicks('w', 3);
    expect((await engine.runtime.readState('w'))['setups']).toBe(1);
    expect(engine.runtime.worker('w').skipped).toBeLessThan(50);
  });

  test.each([0, -1, Number.NaN, 1e9, 5])('an interval of %d ms is refused and changes nothing', async (intervalMs) => {
    const engine = await startEngine();
    await engine.run('w', COUNTER);
    const refused = engine.runtime.reconfigure('w', { schedule: { kind: 'interval', intervalMs } });
    await expect(refused).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(engine.runtime.worker('w').schedule).toEqual({ kind: 'interval', intervalMs: 50 });
  });

  test('new params are there at the next tick, without a setup', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function setup(ctx) { ctx.state.set('setups', ctx.state.get('setups', 0) + 1); }
       export function tick(ctx) { ctx.state.set('p', ctx.params.p ?? null); }`,
      { params: { p: 1 } },
    );
    await engine.okTicks('w');
    await engine.runtime.reconfigure('w', { params: { p: 2 } });
    await engine.next('state', ({ changes }) => changes.some(({ key, json }) => key === 'p' && json === '2'));
    expect(await engine.runtime.readState('w')).toEqual({ setups: 1, p: 2 });
  });
});

describe('a deploy', () => {
  test('while a tick is in flight lets it end on the old code, runs setup as a start, and keeps the state', async () => {
    const engine = await startEngine();
    await engine.run('w', slow('v1'));
    await engine.next('log', ({ text }) => text === 'begin v1');
    const before = engine.runtime.worker('w').version;
    await engine.runtime.deploy(workerOf('w', slow('v2')));
    expect(engine.lines('w').slice(0, 2)).toEqual(['begin v1', 'end v1']);
    await engine.next('log', ({ text }) => text === 'end v2');
    await engine.okTicks('w');
    const state = await engine.runtime.readState('w');
    // How many there were until the new code was loaded is up to the machine; each that began has ended.
    const count = (line: string): number => engine.lines('w').filter((text) => text === line).length;
    expect(state).toMatchObject({ setups: 2, v1: count('begin v1') });
    expect(count('end v1')).toBe(count('begin v1'));
    expect(engine.runtime.worker('w').version).not.toBe(before);
    const numbers = engine.ticks.filter(({ fn }) => fn === 'tick').map(({ tick }) => tick);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  test('of broken code is refused and the old code goes on', async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTER);
    await engine.okTicks('w');
    const { version } = engine.runtime.worker('w');
    for (const text of ['export const nothing = 1;', 'export function tick( {'])
      await expect(engine.runtime.deploy(workerOf('w', text))).rejects.toMatchObject({ code: 'CODE_INVALID' });
    await engine.okTicks('w', 2);
    expect(engine.runtime.worker('w')).toMatchObject({ version, consecutiveErrors: 0 });
    expect((await engine.runtime.readState('w'))['setups']).toBe(1);
  });

  test('ten times in a second ends with the last one', async () => {
    const engine = await startEngine();
    const code = (n: number): string => `export function tick(ctx) { ctx.state.set('version', ${n}); }`;
    await engine.run('w', code(0));
    await Promise.all(Array.from({ length: 10 }, (_, n) => engine.runtime.deploy(workerOf('w', code(n + 1)))));
    await engine.next('state', ({ changes }) => changes.some(({ json }) => json === '10'));
    await engine.okTicks('w', 2);
    expect(await engine.runtime.readState('w')).toEqual({ version: 10 });
  });

  test('of the same code changes settings only', async () => {
    const engine = await startEngine();
    await engine.run('w', COUNTER);
    await engine.okTicks('w');
    await engine.runtime.deploy(workerOf('w', COUNTER, { maxErrors: 9 }));
    await engine.okTicks('w');
    expect(engine.runtime.worker('w').maxErrors).toBe(9);
    expect((await engine.runtime.readState('w'))['setups']).toBe(1);
  });

  test('of new code over a restart of the node is a start', async () => {
    const dataDir = folderWith();
    const first = await startEngine({ dataDir });
    await first.run('w', COUNTER);
    await first.okTicks('w');
    await first.stop();
    const second = await startEngine({ dataDir });
    await second.runtime.deploy(workerOf('w', `${COUNTER}\n// changed\n`));
    await second.okTicks('w');
    expect((await second.runtime.readState('w'))['setups']).toBe(2);
  });

  test('of a worker in Python keeps its state too', { timeout: 60_000 }, async () => {
    const engine = await startEngine();
    const code = (name: string): string => `
def tick(ctx):
    ctx.state.set("${name}", ctx.state.get("${name}", 0) + 1)
`;
    await engine.run('w', code('v1'));
    await engine.okTicks('w', 2);
    await engine.runtime.deploy(workerOf('w', code('v2')));
    await engine.okTicks('w', 2);
    const state = await engine.runtime.readState('w');
    expect(Number(state['v1'])).toBeGreaterThanOrEqual(2);
    expect(Number(state['v2'])).toBeGreaterThanOrEqual(2);
  });
});
