/**
 * Every object that a JavaScript worker can reach, walked from inside: whatever is there was made in its own isolate, its
 * globals are the ones listed here, and nothing leads to a handle of isolated-vm.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRuntime, type Runtime } from '../../src/index.ts';
import { createProbeAdapter } from '../support/probe-adapter.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';

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

const WALK = `
const seen = new Map();
const foreign = [];
const handles = [];
const marks = ['applySync', 'applyIgnored', 'derefInto', 'copyInto', 'createContextSync', 'evalSync', 'copySync', 'cpuTime'];
function rootOf(value) {
  let at = value;
  for (let i = 0; i < 100; i++) {
    const next = Reflect.getPrototypeOf(at);
    if (next === null) return at;
    at = next;
  }
  return at;
}
function walk(value, path, depth) {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return;
  if (seen.has(value) || depth > 6) return;
  seen.set(value, path);
  const root = rootOf(value);
  // A chain ends at this isolate's Object.prototype, or the value (or what it inherits) was made without a prototype here.
  if (root !== Object.prototype && root !== value && Reflect.ownKeys(root).includes('constructor')) foreign.push(path);
  if (typeof value === 'function' && value !== Function.prototype && !(value instanceof Function)) foreign.push(path);
  for (const mark of marks) if (Object.hasOwn(value, mark)) handles.push(path + '.' + mark);
  for (const key of Reflect.ownKeys(value)) {
    const { value: own, get, set } = Reflect.getOwnPropertyDescriptor(value, key) ?? {};
    const name = path + '.' + String(key);
    walk(own, name, depth + 1);
    walk(get, name + '(get)', depth + 1);
    walk(set, name + '(set)', depth + 1);
    if (get !== undefined) {
      try {
        walk(value[key], name + '()', depth + 1);
      } catch {}
    }
  }
  walk(Reflect.getPrototypeOf(value), path + '.__proto__', depth + 1);
}
export async function tick(ctx) {
  const names = Object.getOwnPropertyNames(globalThis).sort();
  walk(globalThis, 'globalThis', 0);
  walk(ctx, 'ctx', 0);
  walk(arguments, 'arguments', 0);
  walk(this, 'this', 0);
  const results = { echo: () => ctx.probe.echo({ a: [1] }), refuse: () => ctx.probe.refuse(1), break: () => ctx.probe.break(1), flush: () => ctx.state.flush(), http: () => ctx.http.get('http://127.0.0.1/'), bad: () => ctx.state.set(1, 1), value: () => ctx.state.set('x', 1n), telegram: () => ctx.telegram.send('x') };
  const errors = {};
  for (const [name, call] of Object.entries(results)) {
    try {
      const promise = call();
      walk(promise, name + ' promise', 0);
      walk(await promise, name + ' result', 0);
    } catch (error) {
      walk(error, name + ' error', 0);
      errors[name] = { isError: error instanceof Error, keys: Reflect.ownKeys(error).map(String).sort() };
    }
  }
  let thrown;
  try {
    null.x;
  } catch (error) {
    thrown = error;
  }
  walk(thrown, 'thrown', 0);
  ctx.state.set('names', names);
  ctx.state.set('report', { nodes: seen.size, foreign, handles, errors });
}
`;

let folder: TempFolder;
let runtime: Runtime;
let state: Record<string, unknown>;

beforeAll(async () => {
  folder = await createTempFolder();
  runtime = createRuntime({ dataDir: folder.path, adapters: [createProbeAdapter()] });
  await runtime.start();
  const ticked = new Promise<string>((resolve) => {
    runtime.on('tick', ({ outcome, errorMessage }) => resolve(errorMessage ?? outcome));
  });
  const files = [{ path: 'walk.js', text: WALK }];
  await runtime.deploy({ name: 'walk', source: { kind: 'files', entry: 'walk.js', files } });
  await runtime.startWorker('walk');
  expect(await ticked).toBe('ok');
  state = await runtime.readState('walk');
});

afterAll(async () => {
  await runtime.stop({ now: true });
  await folder.remove();
});

interface Report {
  readonly nodes: number;
  readonly foreign: readonly string[];
  readonly handles: readonly string[];
  readonly errors: Readonly<Record<string, { readonly isError: boolean; readonly keys: readonly string[] }>>;
}

describe('what a JavaScript worker can reach', () => {
  it('has exactly the global names that are listed here', () => {
    expect(state['names']).toEqual([...LANGUAGE, ...ADDED].toSorted());
    for (const name of TAKEN) expect(state['names']).not.toContain(name);
  });

  it('is made of objects and functions of its own isolate only', () => {
    const { nodes, foreign } = state['report'] as Report;
    expect(nodes).toBeGreaterThan(500);
    expect(foreign).toEqual([]);
  });

  it('leads to no handle of isolated-vm', () => {
    expect((state['report'] as Report).handles).toEqual([]);
  });

  it('gets errors of its own isolate from every call that fails, with a code and nothing else of the host', () => {
    const { errors } = state['report'] as Report;
    expect(Object.keys(errors).toSorted()).toEqual(['bad', 'break', 'http', 'refuse', 'telegram', 'value']);
    for (const error of Object.values(errors)) {
      expect(error.isError).toBe(true);
      expect(error.keys).toEqual(['code', 'message', 'name', 'stack']);
    }
  });
});
