/** Options of `createRuntime` come from programs, often without types: what is wrong with them is said before anything starts. */
import { z } from 'zod';
import type { Adapter } from '../adapters/adapter.ts';
import type { GuestWorld } from '../sandbox/protocol.ts';
import type { Clock } from './core/clock.ts';
import { RuntimeError } from './core/errors.ts';
import { nearestName } from './core/nearest.ts';
import { functionOf, numberIn, optionsOf, problemOf, withMethods } from './core/option-schema.ts';
import {
  HOST_PORT_HELP,
  HOST_PORT_PATTERN,
  POSTGRES_URL_HELP,
  POSTGRES_URL_PATTERN,
  PREFIX_HELP,
  PREFIX_PATTERN,
  RANGES,
  REDIS_URL_HELP,
  REDIS_URL_PATTERN,
  SCHEMA_HELP,
  SCHEMA_PATTERN,
} from './core/ranges.ts';
import type { RuntimeEvents, RuntimeOptions } from './runtime.ts';
import type { RecordStore, StateStore } from './store/contracts.ts';

/** What `ctx` has without any adapter; `then` and `constructor` would make it something else to the language. */
const CTX_NAMES: ReadonlySet<string> = new Set([
  'aio',
  'connected',
  'connected_blocks',
  'constructor',
  'http',
  'log',
  'params',
  'state',
  'then',
  'worker',
]);
const ADAPTER_NAME = /^[a-z][a-z0-9]{0,62}$/;
const METHOD_NAME = /^(?!unresolved$)[a-z][a-zA-Z0-9]{0,62}$/;

const adapterName = z
  .string()
  .refine((name) => !CTX_NAMES.has(name), {
    error: ({ input }) => `ctx.${input} is there already; give the adapter another name`,
  })
  .regex(ADAPTER_NAME, {
    error: 'an adapter is named with up to 63 lower-case letters and digits, beginning with a letter',
  });

const capability = z
  .looseObject({
    effect: z.boolean({ error: 'must be true (it acts on the outside world) or false' }),
    durable: z.boolean({ error: 'must be true (it must neither be lost nor happen twice) or false' }).optional(),
    parameters: z.array(z.string()).readonly(),
    positional: z.int().min(0).optional(),
    input: withMethods<z.ZodType>(['safeParse'], 'a zod schema'),
    call: functionOf('(input, context)'),
    resolve: functionOf('(intent, context)').optional(),
  })
  .refine(({ durable, resolve }) => durable !== true || resolve !== undefined, {
    error: 'a durable capability needs resolve(intent, context), which finds out what became of a call',
  })
  .refine(({ durable, effect }) => durable !== true || effect, {
    error: 'a durable capability is an effect: it needs effect: true',
  });

// Not strict: an adapter may be an object of a class of its own.
const adapter = z.looseObject({
  name: adapterName,
  capabilities: z.record(z.string().regex(METHOD_NAME), capability, {
    error: ({ code }) =>
      code === 'invalid_key'
        ? 'a method is named with up to 63 letters and digits, beginning with a small letter, and not `unresolved`'
        : undefined,
  }),
  close: functionOf('()').optional(),
});

const STATE_STORE = [
  'claim',
  'read',
  'commit',
  'replace',
  'remove',
  'list',
  'close',
] as const satisfies (keyof StateStore)[];
const RECORD_STORE = [
  'appendTick',
  'appendLog',
  'ticks',
  'minutes',
  'logs',
  'forget',
  'dropped',
  'flush',
  'close',
] as const satisfies (keyof RecordStore)[];

const http = optionsOf({
  allowPrivate: z.array(z.string().regex(HOST_PORT_PATTERN, { error: HOST_PORT_HELP })).optional(),
  timeoutMs: numberIn(RANGES.timeoutMs, false).optional(),
  responseBytesMax: numberIn(RANGES.responseBytes).optional(),
  concurrentPerWorker: numberIn(RANGES.requestsPerWorker).optional(),
});

const cells = optionsOf({
  max: numberIn(RANGES.cells).optional(),
  workersPerCell: optionsOf({
    javascript: numberIn(RANGES.javascriptPerCell).optional(),
    python: numberIn(RANGES.pythonPerCell).optional(),
  }).optional(),
  memoryBytes: numberIn(RANGES.cellBytes).optional(),
  ageMsMax: numberIn(RANGES.cellAgeMs, false).optional(),
  runsMax: numberIn(RANGES.cellRuns).optional(),
  residentPython: numberIn(RANGES.residentPython).optional(),
});

const sandbox = optionsOf({ jail: z.enum(['auto', 'off', 'required']).optional() });

const retention = optionsOf({
  ticksPerWorker: numberIn(RANGES.ticksPerWorker).optional(),
  failedTickDays: numberIn(RANGES.failedTickDays, false).optional(),
  logBytes: numberIn(RANGES.logBytes).optional(),
  logDays: numberIn(RANGES.logDays, false).optional(),
  diskBytes: numberIn(RANGES.diskBytes).optional(),
});

const file = z.string().min(1);
const tls = optionsOf({
  ca: file.optional(),
  cert: file.optional(),
  key: file.optional(),
  verify: z.boolean().optional(),
});

const postgres = optionsOf({
  url: z.string().regex(POSTGRES_URL_PATTERN, { error: POSTGRES_URL_HELP }),
  schema: z.string().regex(SCHEMA_PATTERN, { error: SCHEMA_HELP }).optional(),
  poolSize: numberIn(RANGES.poolSize).optional(),
  tls: tls.optional(),
  migrate: z.boolean().optional(),
});

const redis = optionsOf({
  url: z.string().regex(REDIS_URL_PATTERN, { error: REDIS_URL_HELP }),
  prefix: z.string().regex(PREFIX_PATTERN, { error: PREFIX_HELP }).optional(),
  tls: tls.optional(),
  sentinel: optionsOf({ username: z.string().min(1).optional(), password: z.string().min(1) }).optional(),
});

const state = optionsOf({
  ack: z.enum(['redis', 'postgres']).optional(),
  checkpointMs: numberIn(RANGES.checkpointMs, false).optional(),
  unsyncedMs: numberIn(RANGES.unsyncedMs, false).optional(),
});

const placement = optionsOf({
  group: z.string().regex(PREFIX_PATTERN, { error: PREFIX_HELP }).optional(),
  leaseMs: numberIn(RANGES.leaseMs, false).optional(),
});

/** Every key of {@link RuntimeOptions}, and nothing else: the compiler compares. */
const shape = {
  dataDir: z
    .string({ error: 'must be the path of a folder for state, records and caches' })
    .min(1, { error: 'must not be empty: name a folder for state, records and caches' }),
  http: http.optional(),
  cells: cells.optional(),
  sandbox: sandbox.optional(),
  retention: retention.optional(),
  minIntervalMs: numberIn(RANGES.minIntervalMs, false).optional(),
  spread: z.boolean().optional(),
  durableWindowMs: numberIn(RANGES.durableWindowMs, false).optional(),
  adapters: z.array(adapter).optional(),
  postgres: postgres.optional(),
  redis: redis.optional(),
  state: state.optional(),
  placement: placement.optional(),
  stateStore: withMethods<StateStore>(STATE_STORE, 'a StateStore').optional(),
  recordStore: withMethods<RecordStore>(RECORD_STORE, 'a RecordStore').optional(),
  clock: withMethods<Clock>(['wallMs', 'monoMs', 'after'], 'a Clock').optional(),
  world: functionOf('(call)').optional(),
  log: functionOf('(level, message, fields)').optional(),
} satisfies Record<keyof RuntimeOptions, z.ZodType>;
const optionsSchema = optionsOf(shape);

/** @throws RuntimeError CONFIG_INVALID */
export function checkRuntimeOptions(options: unknown): asserts options is RuntimeOptions {
  const problem = problemOf(optionsSchema, options, 'createRuntime');
  if (problem !== undefined) throw new RuntimeError('CONFIG_INVALID', problem);
  const { adapters = [], stateStore, postgres: given } = options as RuntimeOptions;
  if (stateStore !== undefined && given !== undefined)
    throw new RuntimeError(
      'CONFIG_INVALID',
      'createRuntime: give either a stateStore of your own or postgres, not both.',
    );
  const twice = sameName(adapters);
  if (twice !== undefined)
    throw new RuntimeError(
      'CONFIG_INVALID',
      `createRuntime at adapters: two are named ${twice}; a worker could not tell them apart, rename one.`,
    );
}

/** The farthest that a `Date` reaches, in ms to either side of 1970. */
const DATE_MS_MAX = 8_640_000_000_000_000;
const guestWorld = optionsOf({
  nowMs: numberIn([-DATE_MS_MAX, DATE_MS_MAX], false).optional(),
  seed: numberIn([Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]).optional(),
});

/** The `world` of the options, with every answer checked: the two languages would read a wrong one differently. */
export function checkedWorld(world: NonNullable<RuntimeOptions['world']>): NonNullable<RuntimeOptions['world']> {
  return (call) => {
    const answer: unknown = world(call) ?? null;
    if (answer === null) return null;
    const where = `world for ${call.worker}`;
    if (typeof answer === 'object' && 'then' in answer)
      throw new RuntimeError('CONFIG_INVALID', `${where}: must return { nowMs, seed } or null, not a promise of it`);
    const problem = problemOf(guestWorld, answer, where);
    if (problem !== undefined) throw new RuntimeError('CONFIG_INVALID', problem);
    return answer as GuestWorld;
  };
}

function sameName(adapters: readonly Adapter[]): string | undefined {
  const names = adapters.map(({ name }) => name);
  return names.find((name, index) => names.indexOf(name) < index);
}

const EVENTS = {
  tick: true,
  log: true,
  state: true,
  worker: true,
  cell: true,
  overload: true,
  placement: true,
} satisfies Record<keyof RuntimeEvents, true>;

/** @throws RuntimeError BAD_ARGUMENT */
export function checkListener(name: unknown, listener: unknown): void {
  const known = Object.keys(EVENTS);
  if (typeof name !== 'string' || !known.includes(name)) {
    const nearest = nearestName(String(name), known);
    const advice = nearest === undefined ? `there are ${known.join(', ')}` : `did you mean ${nearest}?`;
    throw new RuntimeError('BAD_ARGUMENT', `on: there is no event ${JSON.stringify(String(name))}; ${advice}`);
  }
  if (typeof listener !== 'function')
    throw new RuntimeError('BAD_ARGUMENT', `on: the listener of ${name} must be a function (event).`);
}
