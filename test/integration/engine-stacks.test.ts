import { describe, expect, test } from 'vitest';
import type { WorkerOptions } from '../../src/index.ts';
import { type Engine, FAST, startEngine } from '../support/engine.ts';

const HELPER = `interface Order {
  readonly price: number;
}

export function check(order: Order): number {
  if (order.price > 1) throw new RangeError('too dear');
  return order.price;
}
`;

function typescript(text: string, helper = HELPER): WorkerOptions['source'] {
  return {
    kind: 'files',
    entry: 'w.ts',
    files: [
      { path: 'w.ts', text },
      { path: 'lib/helper.ts', text: helper },
    ],
  };
}

async function runUntilFailed(engine: Engine, text: string): Promise<void> {
  await engine.runtime.deploy({ name: 'w', source: typescript(text), ...FAST, maxErrors: 1 });
  await engine.runtime.startWorker('w');
  await engine.inState('w', 'failed');
}

const STACK = 'RangeError: too dear\n    at check (lib/helper.ts:6:30)\n    at tick (w.ts:';

describe('stacks that a JavaScript worker gives away', () => {
  test('name its own files in on_error, in the log and in its fields', async () => {
    const engine = await startEngine();
    await runUntilFailed(
      engine,
      `import { check } from './lib/helper.ts';
type Ctx = any;
console.log(new Error('at the top'));
export async function tick(ctx: Ctx) {
  try { check({ price: 5 }); } catch (error) {
    console.log(error);
    console.log('caught', error, { price: 5 });
    console.log({ stack: (error as Error).stack });
    ctx.log.warn(error);
    ctx.log.info('caught', { stack: (error as Error).stack, n: 1 });
  }
  try { ctx.state.set('a', () => 1); } catch (error) { console.log(error); }
  try { await ctx.http.get('no address'); } catch (error) { console.log(error); }
  await new Promise<void>((done) => setTimeout(() => { console.log(new Error('timer')); done(); }, 1));
  check({ price: 7 });
}
export function onError(ctx: Ctx, error: Error) {
  ctx.state.update({ stack: error.stack, range: error instanceof RangeError, keys: Object.keys(error) });
  console.log(error);
  ctx.log.error('told', { stack: error.stack });
  throw error;
}
`,
    );
    const all = engine.logs.map(({ text, fields }) => `${text}\n${fields}`).join('\n');
    expect(all).not.toMatch(/worker:bundle|prelude|isolated/);
    const own = `${STACK}5:9)`;
    const [top, plain, mixed, shown, warned, withFields, state, call, timer] = engine.logs;
    expect(top?.text).toBe('Error: at the top\n    at w.ts:3:13');
    expect(plain?.text).toBe(own);
    expect(mixed?.text).toBe(`caught ${own} {"price":5}`);
    expect(shown?.text).toBe(JSON.stringify({ stack: own }));
    expect(warned).toMatchObject({ level: 'warn', text: own });
    expect(JSON.parse(String(withFields?.fields))).toEqual({ stack: own, n: 1 });
    expect(state?.text).toMatch(/^StateError: .*\n(?: {4}at stringify \(<anonymous>\)\n)? {4}at tick \(w\.ts:12:19\)$/);
    expect(call?.text).toMatch(/^CallError: [^\n]*$/);
    expect(timer?.text).toBe('Error: timer\n    at w.ts:14:68');
    const late = `RangeError: too dear\n    at check (lib/helper.ts:6:30)\n    at tick (w.ts:15:3)`;
    expect(await engine.runtime.readState('w')).toEqual({ stack: late, range: true, keys: [] });
    const lines = engine.lines('w');
    expect(lines).toContain(late);
    expect(lines).toContain(`tick failed: ${late}`);
    expect(lines).toContain(`on_error itself failed: ${late}`);
    expect(JSON.parse(String(engine.logs.find(({ text }) => text === 'told')?.fields))).toEqual({ stack: late });
  });

  test.each([
    ['frozen', `throw Object.freeze(new Error('x'))`, `error.stack.includes('Error: x')`],
    ['sealed', `throw Object.seal(new Error('x'))`, `error.stack.startsWith('Error: x')`],
    ['a text', `throw 'x'`, `error === 'x'`],
    ['nothing', `throw undefined`, `error === undefined`],
    ['an object', `throw { code: 7 }`, `error.code === 7 && !('stack' in error)`],
    [
      'a proxy that refuses',
      `throw new Proxy(new Error('x'), { get: (e: any, k) => k === 'stack' ? 'Error: x\\n    at f (worker:bundle:1:1)' : e[k], defineProperty() { throw new Error('trap'); } })`,
      `error.message === 'x'`,
    ],
    [
      'with a setter',
      `const error = new Error('x'); Object.defineProperty(error, 'stack', { get: () => 'Error: x\\n    at mine (worker:bundle:1:1)\\n    at evil (/etc/passwd:1:1)', set() { (globalThis as any).called = true; }, configurable: true }); throw error`,
      `(globalThis as any).called === undefined && error.stack === 'Error: x'`,
    ],
    [
      'of a language that was changed',
      `(Object.prototype as any).get = () => 1; Object.defineProperty = () => { throw new Error('changed'); }; throw new Error('x')`,
      `error.stack.includes('w.ts:2')`,
    ],
  ])('in on_error: an error that is %s', async (_what, statement, holds) => {
    const engine = await startEngine();
    await runUntilFailed(
      engine,
      `export function tick() {
  ${statement};
}
export function onError(ctx: any, error: any) { console.log('holds: ' + (${holds})); }
`,
    );
    expect(engine.lines('w')).toContain('holds: true');
    expect(engine.lines('w').join('\n')).not.toContain('itself failed');
  });

  test('in on_error: a trap that never ends is cut by the time limit of on_error', async () => {
    const engine = await startEngine();
    await engine.runtime.deploy({
      name: 'w',
      source: typescript(`export function tick() {
  throw new Proxy(new Error('x'), {
    get: (error: any, key) => (key === 'stack' ? 'Error: x\\n    at f (worker:bundle:1:1)' : error[key]),
    defineProperty() { for (;;); },
  });
}
export function onError(ctx: any) { ctx.state.set('called', true); }
`),
      ...FAST,
      onErrorTimeoutMs: 300,
      maxErrors: 1,
    });
    await engine.runtime.startWorker('w');
    await engine.inState('w', 'failed');
    expect(await engine.runtime.readState('w')).toEqual({});
    expect(engine.lines('w').join('\n')).toContain('on_error itself');
  });

  test('are those of the first error of a run, and of a rebuilt one too', async () => {
    const engine = await startEngine();
    await engine.runtime.deploy({
      name: 'w',
      source: typescript(`export async function tick(ctx: any) {
  if (ctx.worker.tick === 1) {
    setTimeout(() => { throw new Error('second'); }, 1);
    ctx.http.get('https://127.0.0.1:1/').catch(() => undefined);
    throw new Error('first');
  }
  for (;;);
}
export function onError(ctx: any, error: any) {
  ctx.state.set('seen' + ctx.worker.tick, [error.name, error.message, error.stack]);
}
`),
      ...FAST,
      tickTimeoutMs: 300,
      maxErrors: 2,
    });
    await engine.runtime.startWorker('w');
    await engine.inState('w', 'failed');
    const { seen1, seen2 } = (await engine.runtime.readState('w')) as Record<string, string[]>;
    expect(seen1).toEqual(['Error', 'first', 'Error: first\n    at tick (w.ts:5:11)']);
    expect(seen2?.join('\n')).not.toMatch(/worker:bundle|prelude/);
  });
});
