/** The judge that runs inside of a sandbox, here in contexts of node:vm: there the host can be handed in on purpose. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { folderWith } from '../../support/folder.ts';
import { guestParams, readGuest } from './guest-params.ts';
import type { GuestReport, Program } from './program.ts';

const PROGRAM: Program = {
  id: 'x',
  suite: 'test262',
  source: '',
  harness: [],
  strict: false,
  isAsync: false,
  negative: null,
  stubs: [],
  timeoutMs: 1_000,
};

const CLOSE = `(later) => {
  globalThis.setTimeout = (task, ms) => void later(task, ms);
  for (const name of ['SharedArrayBuffer', 'Atomics', 'WebAssembly']) delete globalThis[name];
}`;

function judge(
  program: Partial<Program>,
  { host = {}, canaryFile = '', harness = [] as string[] } = {},
): Promise<GuestReport> {
  const globals = createContext(Object.assign(Object.create(null), host));
  // A timer as a worker has it: of its own realm, with nothing of the host in reach.
  runInContext(CLOSE, globals)(setTimeout);
  const run = runInContext(readGuest(), globals) as (params: unknown, ctx: unknown, report: unknown) => unknown;
  const whole = { ...PROGRAM, ...program };
  const params = { ...guestParams(whole, harness, canaryFile), patienceMs: 50 };
  const ctx = runInContext('({ state: { get() {} }, log: {}, probe: { echo() {} } })', globals);
  return new Promise((resolve) => void run(params, ctx, resolve));
}
const end = async (program: Partial<Program>): Promise<string> => (await judge(program)).end;

describe('a test of test262', () => {
  it('passes when nothing is thrown, and fails with what is', async () => {
    expect(await judge({ source: '1;' })).toEqual({ end: 'pass', detail: '', reached: [] });
    expect(await judge({ source: 'throw new RangeError("no")' })).toMatchObject({
      end: 'fail',
      detail: 'RangeError: no',
    });
  });

  it('passes with the error that it must throw, and with no other', async () => {
    const negative = { phase: 'parse', type: 'SyntaxError' } as const;
    expect(await end({ source: 'var var', negative })).toBe('pass');
    expect(await end({ source: 'throw "it ran"', negative })).toBe('fail');
    expect(await end({ source: '1;', negative })).toBe('fail');
  });

  it('sees the harness, and runs strict where it is to', async () => {
    const source = 'if (isStrict() !== (function () { return this === undefined; })()) throw 1;';
    const harness = ['function isStrict() { return false; }'];
    expect((await judge({ source }, { harness })).end).toBe('pass');
    expect((await judge({ source, strict: true }, { harness })).end).toBe('fail');
  });

  it('ends with what it prints where it is asynchronous, or after a while of silence', async () => {
    const isAsync = true;
    expect(await end({ source: 'Promise.resolve().then(() => print("Test262:AsyncTestComplete"))', isAsync })).toBe(
      'pass',
    );
    expect(await judge({ source: 'print("Test262:AsyncTestFailure:E: m")', isAsync })).toMatchObject({
      end: 'fail',
      detail: 'Test262:AsyncTestFailure:E: m',
    });
    expect(await judge({ source: '', isAsync })).toMatchObject({ end: 'fail', detail: 'it did not call print' });
  });

  it('is judged by functions that it cannot replace', async () => {
    const source = `
      Set.prototype.has = Set.prototype.add = Reflect.apply = () => { throw 1; };
      Function.prototype.toString = String.prototype.slice = () => { throw 2; };
      throw new Error('seen');`;
    expect(await judge({ source })).toMatchObject({ end: 'fail', detail: 'Error: seen' });
  });
});

describe('what a program got hold of', () => {
  const suite = 'vm2';

  it('is nothing where nothing of the host is in reach, whatever the program makes up', async () => {
    const source = 'globalThis.process = { pid: 1 }; globalThis.gone = { versions: { v8: "x" } }; () => 1';
    expect(await judge({ suite, source })).toMatchObject({ end: 'returned', reached: [] });
  });

  it('is the host behind a function of another realm: what it holds is read', async () => {
    const folder = folderWith();
    const canaryFile = join(folder, 'canary.txt');
    writeFileSync(canaryFile, 'the secret');
    const { reached } = await judge({ suite, source: 'leak' }, { host: { leak: new Date() }, canaryFile });
    expect(reached).toContain('another Function: files of the host (the secret)');
  });

  it('is told from what a program threw, and from a global function of the host', async () => {
    const thrown = await judge({ suite, source: 'throw { inner: leak }' }, { host: { leak: () => process } });
    expect(thrown.end).toBe('threw');
    expect(thrown.reached).toContain('another Function: the process of the host');
    expect((await judge({ source: '' }, { host: { quit: Math.max } })).reached).toContain('global quit');
    const { reached } = await judge({ source: '' }, { host: { ivm: { limit: 1, Isolate: Math.max } } });
    expect(reached).toContain('global ivm');
    const written = await judge({ source: '' }, { host: { fetch: () => 1 } });
    expect(written.reached).toEqual(['another Function: the process of the host']);
  });
});
