import { describe, expect, test } from 'vitest';
import { startEngine, workerOf } from '../support/engine.ts';
import { folderWith } from '../support/folder.ts';

describe('errors of a tick', () => {
  test('are counted, and an ok tick sets the count to zero', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function tick(ctx) {
         const n = ctx.state.get('n', 0) + 1;
         ctx.state.set('n', n);
         if (n % 3 !== 0) throw new Error('no ' + n);
       }`,
      { maxErrors: 3 },
    );
    const counts: number[] = [];
    engine.runtime.on('tick', () => counts.push(engine.runtime.worker('w').consecutiveErrors));
    await engine.okTicks('w', 3);
    expect(counts.slice(0, 6)).toEqual([1, 2, 0, 1, 2, 0]);
    // What a failing tick wrote before it failed is kept.
    expect(Number((await engine.runtime.readState('w'))['n'])).toBeGreaterThanOrEqual(9);
  });

  test('stop the worker as failed at exactly maxErrors, with the reason, and it stays so until somebody starts it', async () => {
    const dataDir = folderWith();
    const text = `export function tick(ctx) {
      ctx.state.set('n', ctx.state.get('n', 0) + 1);
      throw new RangeError('out of range');
    }`;
    const first = await startEngine({ dataDir });
    await first.run('w', text, { maxErrors: 3 });
    await first.inState('w', 'failed');
    expect(first.runtime.worker('w')).toMatchObject({ tick: 3, consecutiveErrors: 3, desired: 'running', cell: null });
    expect(first.runtime.worker('w').reason).toContain('RangeError: out of range');
    expect(first.ticks.map(({ tick, outcome, errorCode }) => [tick, outcome, errorCode])).toEqual([
      [1, 'error', 'USER_ERROR'],
      [2, 'error', 'USER_ERROR'],
      [3, 'error', 'USER_ERROR'],
    ]);
    await first.stop();
    const second = await startEngine({ dataDir });
    expect(await second.runtime.deploy(workerOf('w', text, { maxErrors: 3 }))).toMatchObject({
      state: 'failed',
      consecutiveErrors: 3,
    });
    expect(second.runtime.worker('w').reason).toContain('out of range');
    await second.runtime.startWorker('w');
    await second.inState('w', 'failed');
    expect(second.ticks.map(({ tick }) => tick)).toEqual([4, 5, 6]);
    expect(await second.runtime.readState('w')).toEqual({ n: 6 });
  });

  test('reach on_error as the very object that was thrown, in the same sandbox', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `class Custom extends Error { constructor() { super('mine'); this.extra = { deep: 7 }; } }
       let thrown = null;
       export function tick() { thrown = new Custom(); throw thrown; }
       export function on_error(ctx, error) {
         ctx.state.update({ same: error === thrown, custom: error instanceof Custom, extra: error.extra.deep });
       }`,
    );
    await engine.next('tick', ({ outcome }) => outcome === 'error');
    await engine.inState('w', 'handling');
    await engine.inState('w', 'waiting');
    expect(await engine.runtime.readState('w')).toEqual({ same: true, custom: true, extra: 7 });
  });

  test('reach on_error of Python as the exception itself', { timeout: 60_000 }, async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `
class Custom(Exception):
    pass

def tick(ctx):
    raise Custom("mine")

def on_error(ctx, error):
    ctx.state.update({"custom": isinstance(error, Custom), "text": str(error)})
`,
    );
    await engine.inState('w', 'handling');
    await engine.inState('w', 'waiting');
    expect(await engine.runtime.readState('w')).toEqual({ custom: true, text: 'mine' });
  });

  test('an on_error that throws is logged, counts nothing and is not called for itself', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function tick() { throw new Error('first'); }
       export function on_error(ctx) {
         ctx.state.set('calls', ctx.state.get('calls', 0) + 1);
         throw new Error('second');
       }`,
      { maxErrors: 2 },
    );
    await engine.inState('w', 'failed');
    expect(engine.runtime.worker('w').consecutiveErrors).toBe(2);
    expect(await engine.runtime.readState('w')).toEqual({ calls: 2 });
    expect(engine.lines('w').filter((line) => line.includes('on_error itself failed: Error: second'))).toHaveLength(2);
  });

  test('JavaScript may call it onError', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function tick() { throw new Error('heard'); }
       export function onError(ctx, error) { ctx.state.set('heard', error.message); }`,
      { maxErrors: 1 },
    );
    await engine.inState('w', 'failed');
    expect(await engine.runtime.readState('w')).toEqual({ heard: 'heard' });
  });

  test('an unhandled rejection is the error of the tick that left it', async () => {
    const engine = await startEngine();
    await engine.run('w', `export function tick() { Promise.reject(new Error('nobody cares')); }`, { maxErrors: 1 });
    await engine.inState('w', 'failed');
    expect(engine.runtime.worker('w').reason).toContain('nobody cares');
  });

  test('are told with the user’s own file, line and column, in both languages', { timeout: 60_000 }, async () => {
    const engine = await startEngine();
    await engine.run(
      'js',
      `const deep = () => {\n  throw new Error('here');\n};\nexport function tick() {\n  deep();\n}\n`,
      {
        maxErrors: 1,
      },
    );
    await engine.run('py', `def deep():\n    raise ValueError("here")\n\ndef tick(ctx):\n    deep()\n`, {
      maxErrors: 1,
    });
    await engine.inState('js', 'failed');
    await engine.inState('py', 'failed', 20_000);
    const js = engine.lines('js').join('\n');
    expect(js).toMatch(/js\.js:2:9/);
    expect(js).toMatch(/js\.js:5:3/);
    expect(js).not.toContain('isolated-vm');
    const py = engine.lines('py').join('\n');
    expect(py).toMatch(/py\.py", line 2/);
    expect(py).toMatch(/py\.py", line 5/);
    for (const line of [js, py]) expect(line).not.toContain(process.cwd());
  });

  test('a lower maxErrors counts at once and loses no state', async () => {
    const engine = await startEngine();
    await engine.run(
      'w',
      `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); throw new Error('always'); }`,
      { maxErrors: 1_000_000 },
    );
    let errors = 0;
    await engine.next('tick', () => ++errors === 4);
    await engine.runtime.reconfigure('w', { maxErrors: 2 });
    await engine.inState('w', 'failed');
    const { consecutiveErrors } = engine.runtime.worker('w');
    expect(consecutiveErrors).toBeLessThanOrEqual(7);
    expect(await engine.runtime.readState('w')).toEqual({ n: consecutiveErrors });
  });

  test('a worker whose module body throws is invalid, says where, and the others run', async () => {
    const engine = await startEngine();
    await engine.run('good', `export function tick(ctx) { ctx.state.set('on', true); }`);
    await engine.run('bad', `const config = undefined;\nconsole.log(config.name);\nexport function tick() {}\n`);
    await engine.inState('bad', 'invalid');
    expect(engine.runtime.worker('bad')).toMatchObject({ cell: null, tick: 0 });
    expect(engine.runtime.worker('bad').reason).toContain('bad.js:2:');
    await engine.okTicks('good', 2);
  });

  test.each([
    ['no tick', 'export const x = 1;', /tick/],
    ['a syntax error', 'export function tick( {', /bad\.js:2:27/],
    ['an import that cannot be', `import fs from 'fs';\nexport function tick() {}`, /fs/],
  ])('a worker with %s is refused with CODE_INVALID while the others run', async (_what, text, message) => {
    const engine = await startEngine();
    await engine.run('good', `export function tick(ctx) { ctx.state.set('on', true); }`);
    const refused = engine.runtime.deploy(workerOf('bad', text));
    await expect(refused).rejects.toMatchObject({ code: 'CODE_INVALID', message: expect.stringMatching(message) });
    expect(engine.runtime.status().workers.map(({ name }) => name)).toEqual(['good']);
    await engine.okTicks('good', 2);
  });
});
