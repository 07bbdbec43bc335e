/**
 * Every object that a JavaScript worker can reach, walked from inside until there is nothing more: whatever is there was made in its own
 * isolate, its globals are the ones listed here, and nothing leads to a handle of isolated-vm, to code of the host, or to
 * memory that no limit counts. That the walker finds them where they are: walker.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRuntime, type Runtime } from '../../src/index.ts';
import { createProbeAdapter } from '../support/probe-adapter.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';
import { NODES_MAX, nativesOfLanguage, WALKER, type WalkReport } from '../support/walk.ts';

/** Global names that the language does not have by itself, and those of the language that are taken away. */
const ADDED = [
  'TextDecoder',
  'TextEncoder',
  'atob',
  'btoa',
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'queueMicrotask',
  'setInterval',
  'setTimeout',
];
const TAKEN = ['Atomics', 'SharedArrayBuffer', 'WebAssembly'];
const LANGUAGE =
  `AggregateError Array ArrayBuffer AsyncDisposableStack BigInt BigInt64Array BigUint64Array Boolean DataView Date
  DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity Int16Array Int32Array
  Int8Array Intl Iterator JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set String
  SuppressedError Symbol SyntaxError Temporal TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef
  WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval globalThis isFinite isNaN parseFloat
  parseInt undefined unescape`.split(/\s+/);

/** Everything that a worker is handed: as argument, receiver, result, error, or trap. */
const WORKER = `
const w = createWalker(${NODES_MAX}, new Set(KNOWN));
const errors = {};
let setupCtx;
/** Walked later: the walk itself would come here again. */
let given = [];
function givenTo(name) {
  return function (...list) {
    given?.push([list, name + ' arguments'], [this, name + ' this'], [arguments, name + ' arguments object']);
  };
}
function walkGiven() {
  const all = given;
  given = null;
  for (const [value, name] of all) w.walk(value, name);
  return all.length;
}
const handler = () => Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((trap) => [trap, function (...list) {
  givenTo('trap ' + trap).apply(this, list);
  return Reflect[trap](...list);
}]));
function hooked() {
  return {
    toJSON: givenTo('toJSON'),
    toString: givenTo('toString'),
    valueOf: givenTo('valueOf'),
    [Symbol.toPrimitive]: givenTo('toPrimitive'),
    get own() { return givenTo('getter').call(this); },
  };
}
async function tryAll(ctx) {
  const calls = {
    echo: () => ctx.probe.echo({ a: [1], hooked: hooked() }),
    proxied: () => ctx.probe.echo(new Proxy({ a: 1 }, handler())),
    refuse: () => ctx.probe.refuse(1),
    break: () => ctx.probe.break(1),
    flush: () => ctx.state.flush(),
    http: () => ctx.http.get('http://127.0.0.1/'),
    bad: () => ctx.state.set(1, 1),
    value: () => ctx.state.set('x', 1n),
    telegram: () => ctx.telegram.send('x'),
  };
  for (const [name, call] of Object.entries(calls)) {
    try {
      const promise = call();
      w.walk(promise, name + ' promise');
      w.walk(await promise, name + ' result');
    } catch (error) {
      w.walk(error, name + ' error');
      errors[name] = { isError: error instanceof Error, keys: Reflect.ownKeys(error).map(String).sort() };
    }
  }
  for (const value of [hooked(), new Proxy({ a: 1 }, handler()), Object.assign(() => undefined, hooked())]) {
    for (const use of [
      () => ctx.log.info(value, value),
      () => console.log(value),
      () => ctx.state.set('hooked', value),
      () => ctx.state.update(value),
      () => void ctx.state.get(value, value),
      () => ctx.state.delete(value),
      () => void crypto.getRandomValues(value),
      () => setTimeout(value, value),
      () => btoa(value),
      () => new TextEncoder().encode(value),
      () => queueMicrotask(value),
    ])
      try {
        w.walk(use(), 'use of what is hooked');
      } catch (error) {
        w.walk(error, 'error of what is hooked');
      }
  }
}
/** Hooks on prototypes see whatever the prelude makes, should it ever ask them. */
async function withPollution(ctx) {
  const names = ['then', 'get', 'set', 'value', 'resolve', 'reject', 'constructor', 'prototype', '0', '1', 'length', 'toJSON', 'holds', 'chars', 'callback', 'args'];
  const undo = [];
  for (const prototype of [Object.prototype, Array.prototype, Function.prototype, Promise.prototype, Map.prototype])
    for (const name of names) {
      if (Object.hasOwn(prototype, name)) continue;
      const seen = new Set();
      Object.defineProperty(prototype, name, {
        __proto__: null,
        get() { seen.add(this); return undefined; },
        set(value) { seen.add(this); seen.add(value); },
        configurable: true,
      });
      undo.push(() => { delete prototype[name]; return [seen, 'hook ' + name]; });
    }
  const species = new Set();
  const kept = Object.setPrototypeOf(Object.getOwnPropertyDescriptor(Promise, Symbol.species), null);
  Object.defineProperty(Promise, Symbol.species, { __proto__: null, get() { species.add(this); return kept.get.call(this); }, configurable: true });
  let failed;
  try {
    ctx.state.set('polluted', 1);
    ctx.state.keys();
    ctx.log.info('polluted');
    await ctx.probe.echo('polluted');
    await ctx.state.flush();
  } catch (error) {
    failed = error;
  }
  Object.defineProperty(Promise, Symbol.species, kept);
  const found = undo.map((one) => one());
  for (const [seen, name] of found) for (const one of seen) w.walk(one, name);
  for (const one of species) w.walk(one, 'species');
  w.walk(failed, 'error under pollution');
}
/** The host's callback, called where there is no stack left for it. */
function exhaust(ctx) {
  const thrown = [];
  const text = 'x'.repeat(70000);
  let through = false;
  const deep = () => {
    try { deep(); } catch (error) { thrown.push(error); }
    if (through) return;
    try {
      ctx.state.set('deep', text);
      through = true;
    } catch (error) { thrown.push(error); }
  };
  deep();
  for (const one of thrown) w.walk(one, 'without stack');
}
/** What the walker calls is answered, and counts no more. */
const answered = () => new Promise((resolve) => setTimeout(resolve, 200));
export async function setup(ctx) {
  setupCtx = ctx;
  w.walk(this, 'this of setup');
  w.walk(arguments, 'arguments of setup');
  await w.settle();
  await answered();
}
export async function tick(ctx) {
  const names = Object.getOwnPropertyNames(globalThis).sort();
  w.walk(globalThis, 'globalThis');
  w.walk(createSpecimens(), 'specimens');
  w.walk(ctx, 'ctx');
  w.walk(ctx.worker, 'ctx.worker');
  w.walk(arguments, 'arguments');
  w.walk(this, 'this');
  await w.settle();
  await answered();
  await tryAll(ctx);
  await withPollution(ctx);
  exhaust(ctx);
  await new Promise((resolve) => {
    const timer = setInterval(function (...list) {
      givenTo('timer').apply(this, list);
      clearInterval(timer);
      queueMicrotask(givenTo('microtask'));
      Promise.resolve().then(resolve);
    }, 1, { given: 1 });
    w.walk(timer, 'timer');
  });
  await {
    then(resolve, reject) {
      givenTo('thenable').call(this, { resolve, reject });
      resolve();
    },
  };
  ctx.state.set('given', walkGiven());
  await w.settle();
  ctx.state.set('names', names);
  ctx.state.set('errors', errors);
  ctx.state.set('sameCtx', ctx === setupCtx);
  throw new Error('for on_error');
}
export async function on_error(ctx, error) {
  w.walk(error, 'error of on_error');
  w.walk(arguments, 'arguments of on_error');
  w.walk(this, 'this of on_error');
  await w.settle();
  const { natives, ...report } = w.report();
  ctx.state.set('report', { ...report, natives: Object.keys(natives).length, walked: [globalThis, ctx, ctx.state, Map.prototype, error].map((one) => w.has(one)) });
}
`;

interface Report extends Omit<WalkReport, 'natives'> {
  readonly natives: number;
  readonly walked: readonly boolean[];
}

let folder: TempFolder;
let runtime: Runtime;
let state: Record<string, unknown>;
let report: Report;

beforeAll(async () => {
  folder = await createTempFolder();
  const known = JSON.stringify(await nativesOfLanguage(TAKEN));
  runtime = createRuntime({ dataDir: folder.path, adapters: [createProbeAdapter()] });
  await runtime.start();
  const failed = new Promise<void>((resolve) => {
    runtime.on('worker', ({ to }) => to === 'failed' && resolve());
  });
  const ticked = new Promise<string>((resolve) => {
    runtime.on('tick', ({ outcome, errorMessage }) => resolve(errorMessage ?? outcome));
  });
  const files = [{ path: 'walk.js', text: `const KNOWN = ${known};\n${WALKER}\n${WORKER}` }];
  await runtime.deploy({
    name: 'walk',
    source: { kind: 'files', entry: 'walk.js', files },
    maxErrors: 1,
    tickTimeoutMs: 8_000,
    setupTimeoutMs: 8_000,
    onErrorTimeoutMs: 20_000,
  });
  await runtime.startWorker('walk');
  expect(await ticked).toMatch(/for on_error/);
  await failed;
  state = await runtime.readState('walk');
  report = state['report'] as Report;
});

afterAll(async () => {
  await runtime.stop({ now: true });
  await folder.remove();
});

describe('what a JavaScript worker can reach', () => {
  it('has exactly the global names that are listed here', () => {
    expect(state['names']).toEqual([...LANGUAGE, ...ADDED].toSorted());
    for (const name of TAKEN) expect(state['names']).not.toContain(name);
  });

  it('is walked to its end', () => {
    expect(report.cut).toBe(false);
    expect(report.nodes).toBeGreaterThan(5_000);
    expect(report.natives).toBeGreaterThan(500);
    expect(report.walked).toEqual([true, true, true, true, true]);
    expect(state['given']).toBeGreaterThan(100);
    expect(state['sameCtx']).toBe(true);
  });

  it('is made of objects and functions of its own isolate only', () => {
    expect(report.foreign).toEqual([]);
  });

  it('leads to no handle of isolated-vm', () => {
    expect(report.named).toEqual([]);
  });

  it('leads to no native code but that of the language, without what is taken away', () => {
    expect(report.strange).toEqual([]);
  });

  it('leads to no buffer that the memory limit does not count', () => {
    expect(report.uncounted).toEqual([]);
  });

  it('gets errors of its own isolate from every call that fails, with a code and nothing else of the host', () => {
    const errors = state['errors'] as Record<string, { readonly isError: boolean; readonly keys: readonly string[] }>;
    expect(Object.keys(errors).toSorted()).toEqual(['bad', 'break', 'http', 'refuse', 'telegram', 'value']);
    for (const error of Object.values(errors)) {
      expect(error.isError).toBe(true);
      expect(error.keys).toEqual(['code', 'message', 'name', 'stack']);
    }
  });
});
