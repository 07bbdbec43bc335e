import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createEchoAdapter } from '../../adapters/echo/adapter.ts';
import { createRuntime, type RuntimeOptions, systemClock } from '../../src/index.ts';
import { checkedWorld } from '../../src/runtime-options.ts';
import { MemoryRecordStore, MemoryStateStore } from '../../src/store/memory.ts';
import { folderWith } from '../support/folder.ts';

const echo = createEchoAdapter();
const named = (name: string) => ({ ...echo, name });

/** What `createRuntime` says about these options, beside a data folder. */
function saidOf(options: unknown): unknown {
  try {
    createRuntime(options as RuntimeOptions);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('options of createRuntime', () => {
  test('may be everything that there is', () => {
    const { stateStore, ...given }: Required<RuntimeOptions> = {
      dataDir: join(folderWith(), 'data'),
      http: {
        allowPrivate: ['127.0.0.1:8080', '[::1]:80'],
        timeoutMs: 10,
        responseBytesMax: 1024,
        concurrentPerWorker: 1,
      },
      sandbox: { jail: 'auto' },
      cells: { max: 1, workersPerCell: { javascript: 1, python: 1 }, memoryBytes: 2 ** 26, residentPython: 1 },
      retention: { ticksPerWorker: 1, failedTickDays: 0, logBytes: 2 ** 20, logDays: 1, diskBytes: 2 ** 26 },
      minIntervalMs: 10,
      spread: false,
      durableWindowMs: 500,
      adapters: [echo, named('echo2')],
      postgres: { url: 'postgres://a@b/c', schema: 's', poolSize: 3, tls: { ca: 'f', verify: false }, migrate: false },
      redis: { url: 'redis://a', prefix: 'p', tls: {}, sentinel: { username: 'u', password: 'p' } },
      state: { ack: 'postgres', checkpointMs: 50, unsyncedMs: 1_000 },
      placement: { group: 'g', leaseMs: 2_000 },
      stateStore: new MemoryStateStore(),
      recordStore: new MemoryRecordStore(),
      clock: systemClock,
      world: () => null,
      log: () => undefined,
    };
    expect(saidOf(given)).toBeUndefined();
    expect(saidOf({ dataDir: given.dataDir, stateStore })).toBeUndefined();
    expect(saidOf({ ...given, stateStore })).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(saidOf({ dataDir: given.dataDir, cells: {}, http: undefined })).toBeUndefined();
  });

  test.each<[said: string, options: object]>([
    ['createRuntime: unknown option minInterval; did you mean minIntervalMs?', { minInterval: 10 }],
    ['createRuntime: unknown option zzz; known are dataDir, http, cells,', { zzz: 1 }],
    [
      'createRuntime at cells.workersPerCell: unknown option pyton; did you mean python?',
      { cells: { workersPerCell: { pyton: 1 } } },
    ],
    ['createRuntime at dataDir: must be the path of a folder', { dataDir: undefined }],
    ['createRuntime at dataDir: must be the path of a folder', { dataDir: 7 }],
    ['createRuntime at dataDir: must not be empty', { dataDir: '' }],
    ['createRuntime at http: must be an object with allowPrivate, timeoutMs', { http: true }],
    ['createRuntime at http.allowPrivate.0: write host:port', { http: { allowPrivate: ['localhost'] } }],
    ['createRuntime at http.timeoutMs: must be a number from 10 to 3600000, not "30s"', { http: { timeoutMs: '30s' } }],
    ['createRuntime at cells.max: must be a whole number from 1 to 10000, not 0', { cells: { max: 0 } }],
    ['createRuntime at cells.max: must be a whole number from 1 to 10000, not 1.5', { cells: { max: 1.5 } }],
    ['createRuntime at retention.logBytes: must be a whole number from 1048576', { retention: { logBytes: 5 } }],
    ['createRuntime at minIntervalMs: must be a number from 10 to 3600000, not NaN', { minIntervalMs: Number.NaN }],
    ['createRuntime at durableWindowMs: must be a number from 500 to 600000, not 100', { durableWindowMs: 100 }],
    ['createRuntime at spread: ', { spread: 'yes' }],
    ['createRuntime at log: must be a function (level, message, fields)', { log: console }],
    ['createRuntime at clock: must be a Clock: it has no monoMs(), after()', { clock: { wallMs: () => 0 } }],
    ['createRuntime at stateStore: must be a StateStore: it has no claim(),', { stateStore: new MemoryRecordStore() }],
    [
      'createRuntime at adapters.0.name: ctx.state is there already; give the adapter another name',
      { adapters: [named('state')] },
    ],
    ['createRuntime at adapters.1.name: ctx.http is there already', { adapters: [echo, named('http')] }],
    [
      'createRuntime at adapters.0.name: an adapter is named with up to 63 lower-case',
      { adapters: [named('My-desk')] },
    ],
    [
      'createRuntime at adapters: two are named echo; a worker could not tell them apart',
      { adapters: [echo, named('echo')] },
    ],
    [
      'createRuntime at adapters.0.capabilities.Say now: a method is named',
      { adapters: [{ name: 'a', capabilities: { 'Say now': echo.capabilities['say'] } }] },
    ],
    [
      'createRuntime at adapters.0.capabilities.say.input: must be a zod schema',
      { adapters: [{ name: 'a', capabilities: { say: { ...echo.capabilities['say'], input: {} } } }] },
    ],
    [
      'createRuntime at adapters.0.capabilities.unresolved: a method is named',
      { adapters: [{ name: 'a', capabilities: { unresolved: echo.capabilities['say'] } }] },
    ],
    [
      'createRuntime at adapters.0.capabilities.say: a durable capability needs resolve(intent, context)',
      {
        adapters: [{ name: 'a', capabilities: { say: { ...echo.capabilities['say'], effect: true, durable: true } } }],
      },
    ],
    [
      'createRuntime at adapters.0.capabilities.say: a durable capability is an effect',
      {
        adapters: [
          { name: 'a', capabilities: { say: { ...echo.capabilities['say'], durable: true, resolve: () => null } } },
        ],
      },
    ],
  ])('%s', (said, options) => {
    expect(saidOf({ dataDir: './data', ...options })).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(said),
    });
  });

  test.each(['state', 'log', 'worker', 'params', 'connected', 'aio', 'then', 'constructor'])(
    'an adapter cannot take the place of ctx.%s',
    (name) => {
      expect(saidOf({ dataDir: './data', adapters: [named(name)] })).toMatchObject({ code: 'CONFIG_INVALID' });
    },
  );

  test.each([undefined, null, 'data', []])('are an object, not %s', (options) => {
    expect(saidOf(options)).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('must be an object'),
    });
  });
});

describe('what world returns', () => {
  const call = { worker: 'default/w', fn: 'tick', tick: 1, dueAt: 0 } as const;
  const answers = (answer: unknown) => () => checkedWorld(() => answer as never)(call);

  test.each([null, undefined, {}, { nowMs: 0.5 }, { seed: -7 }, { nowMs: 1, seed: 2 }])('may be %j', (answer) => {
    expect(answers(answer)()).toEqual(answer ?? null);
  });

  test.each([
    [{ seed: 'abc' }, 'world for default/w at seed: must be a whole number from'],
    [{ seed: 0.5 }, 'at seed: must be a whole number'],
    [{ nowMs: Number.NaN }, 'at nowMs: must be a number'],
    [{ nowMs: new Date() }, 'at nowMs: must be a number'],
    [{ now: 1 }, 'unknown option now; known are nowMs, seed'],
    [Promise.resolve(null), 'not a promise of it'],
    [5, 'must be an object with nowMs, seed'],
  ])('is not %o', (answer, said) => {
    expect(answers(answer)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(said) }),
    );
  });
});

describe('on', () => {
  const runtime = createRuntime({ dataDir: './data' });
  const on = runtime.on.bind(runtime) as (name: unknown, listener: unknown) => () => void;

  test.each([
    ['nope', 'there is no event "nope"; there are tick, log, state, worker, cell'],
    ['ticks', 'did you mean tick?'],
    [undefined, 'there is no event'],
  ])('%s is refused', (name, said) => {
    expect(() => on(name, () => undefined)).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT', message: expect.stringContaining(said) }),
    );
  });

  test('takes a function only', () => {
    expect(() => on('tick', 'print')).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
    expect(on('tick', () => undefined)).toBeTypeOf('function');
  });
});
