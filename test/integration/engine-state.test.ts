import { describe, expect, test } from 'vitest';
import { startEngine, workerOf } from '../support/engine.ts';

describe('the state of a worker', () => {
  test('that a failing tick wrote before it failed is kept, and the rest never was', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function tick(ctx) {
         ctx.state.set('kept', ctx.worker.tick);
         ctx.state.update({ a: 1, b: 1 });
         throw new Error('here');
         ctx.state.set('never', 1);
       }`,
      { maxErrors: 1 },
    );
    await engine.inState('w', 'failed');
    expect(await engine.runtime.readState('w')).toEqual({ kept: 1, a: 1, b: 1 });
  });

  test('comes out of get as a fresh copy: changing it changes nothing until set', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function tick(ctx) {
         if (ctx.worker.tick > 1) return;
         const list = [1];
         ctx.state.set('list', list);
         list.push(2);
         const first = ctx.state.get('list');
         first.push(3);
         const second = ctx.state.get('list');
         ctx.state.set('seen', { first, second, same: first === second });
       }`,
    );
    await engine.okTicks('w');
    expect(await engine.runtime.readState('w')).toEqual({
      list: [1],
      seen: { first: [1, 3], second: [1], same: false },
    });
  });

  test('keeps JSON with every corner over a restart of its sandbox', async () => {
    const engine = await startEngine();
    const value = { '': [null, -0, 1e308, '\u{1f600}', 'é'], __proto__x: { deep: [[[[]]]] } };
    await engine.run(
      'w',
      `export function setup(ctx) { ctx.state.set('v', ${JSON.stringify(value)}); ctx.state.set('k\\u0000é', 1); }
       export function tick(ctx) { ctx.state.set('copy', ctx.state.get('v')); ctx.state.set('keys', ctx.state.keys().sort()); }`,
    );
    await engine.okTicks('w');
    await engine.runtime.reconfigure('w', { params: { reload: 1 } });
    await engine.okTicks('w', 2);
    const state = await engine.runtime.readState('w');
    expect(state['copy']).toEqual(JSON.parse(JSON.stringify(value)));
    expect(state['k\0é']).toBe(1);
  });

  test('is stored in the middle of a tick by flush, before the tick ends', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export async function tick(ctx) {
         ctx.state.set('half', ctx.worker.tick);
         await ctx.state.flush();
         ctx.log.info('flushed');
         await new Promise((done) => setTimeout(done, 500));
       }`,
    );
    await engine.next('log', ({ text }) => text === 'flushed');
    expect(await engine.runtime.readState('w')).toEqual({ half: 1 });
    expect(engine.ticks).toEqual([]);
  });

  test('written before an endless loop is there although the cell is killed, and the loop is not charged to the kill', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function tick(ctx) {
         if (ctx.state.get('written', 0) > 0) return;
         ctx.state.update({ written: ctx.worker.tick, twin: ctx.worker.tick });
         for (;;);
       }`,
    );
    await engine.next('state', ({ changes }) => changes.some(({ key }) => key === 'written'));
    const pid = engine.runtime.worker('w').cell;
    if (pid === null) throw new Error('the worker has no cell');
    process.kill(pid, 'SIGKILL');
    await engine.okTicks('w', 2);
    expect(await engine.runtime.readState('w')).toEqual({ written: 1, twin: 1 });
    expect(engine.ticks[0]).toMatchObject({ tick: 1, outcome: 'cell-lost', errorCode: 'CELL_LOST' });
    expect(engine.ticks[1]?.tick).toBeGreaterThan(1);
  });

  test('survives 2,000 updates in one tick whole, however the stream spills', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function tick(ctx) {
         for (let i = 1; i <= 2000; i++) ctx.state.update({ a: i, b: i, ['k' + (i % 50)]: 'x'.repeat(500) + i });
       }`,
    );
    let torn = 0;
    engine.runtime.on('state', ({ changes }) => {
      const values = new Map(changes.map(({ key, json }) => [key, json]));
      if (values.get('a') !== values.get('b')) torn += 1;
    });
    await engine.okTicks('w', 2);
    const state = await engine.runtime.readState('w');
    expect(state).toMatchObject({ a: 2000, b: 2000, k0: `${'x'.repeat(500)}2000`, k49: `${'x'.repeat(500)}1999` });
    expect(torn).toBe(0);
  });

  test('is bounded: a write over a limit is an error of the tick that the worker may catch, and nothing of it is stored', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function tick(ctx) {
         const codes = [];
         for (const write of [
           () => ctx.state.set('k'.repeat(257), 1),
           () => ctx.state.set('big', 'x'.repeat(600 * 1024)),
           () => ctx.state.set('half', '\\ud800'),
           () => ctx.state.set('fn', () => 1),
           () => ctx.state.update({ ok: 1, big: 'x'.repeat(600 * 1024) }),
         ]) try { write(); codes.push('stored'); } catch (error) { codes.push(error.code); }
         ctx.state.set('codes', codes);
       }`,
    );
    await engine.okTicks('w');
    const { codes, ...rest } = await engine.runtime.readState('w');
    expect((codes as string[]).filter((code) => /^STATE_/.test(code)).length).toBeGreaterThanOrEqual(3);
    expect(Object.keys(rest).filter((key) => key !== 'half' && key !== 'fn')).toEqual([]);
  });

  test('stays when a worker gets new code, and is gone when it is removed', async () => {
    const engine = await startEngine();
    await engine.run('w', `export function tick(ctx) { ctx.state.set('old', true); }`);
    await engine.okTicks('w');
    await engine.runtime.deploy(
      workerOf('w', `export function tick(ctx) { ctx.state.set('saw', ctx.state.get('old')); }`),
    );
    await engine.okTicks('w');
    expect(await engine.runtime.readState('w')).toEqual({ old: true, saw: true });
    await engine.runtime.removeWorker('w');
    await expect(engine.runtime.readState('w')).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
    await expect(engine.runtime.ticks('w')).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
    await engine.run('w', `export function tick(ctx) { ctx.state.set('fresh', true); }`);
    const tick = await engine.okTicks('w');
    expect(tick.tick).toBe(1);
    const first = (await engine.runtime.ticks('w')).filter((record) => record.tick === 1);
    expect(first).toHaveLength(1);
    expect(await engine.runtime.readState('w')).toEqual({ fresh: true });
  });
});
