/**
 * Every setting of the configuration file, declared once: its type, limits, default and description. Loading, the JSON
 * Schema for editors and the messages about unknown keys all read this declaration.
 */
import { z } from 'zod';
import {
  INTERVAL_MS_DEFAULT,
  INTERVAL_MS_MAX,
  INTERVAL_MS_MIN,
  MAX_ERRORS_DEFAULT,
  MEMORY_BYTES_DEFAULT,
  MiB,
  ON_ERROR_TIMEOUT_MS,
  SETUP_TIMEOUT_MS,
  TICK_TIMEOUT_MS,
} from '../core/limits.ts';
import { HOST_PORT_HELP, HOST_PORT_PATTERN, RANGES, RECORDS_BYTES_DEFAULT } from '../core/ranges.ts';
import { formatBytes, formatDuration } from './duration.ts';
import { bytes, count, duration } from './measures.ts';
import { sandbox } from './sandbox-schema.ts';
import { placement, postgres, redis, state } from './store-schema.ts';

/** A worker's or a workspace's name. */
export const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/;
const NAME_HELP = 'a name starts with a letter or digit and has up to 63 letters, digits, dots, dashes and underscores';

const name = () => z.string().regex(NAME_PATTERN, { error: NAME_HELP });

const timeout = (what: string) => duration(...RANGES.timeoutMs).describe(`Longest time of ${what}.`);
const JAVASCRIPT_MEMORY = formatBytes(MEMORY_BYTES_DEFAULT.javascript);
const PYTHON_MEMORY = formatBytes(MEMORY_BYTES_DEFAULT.python);

/** What can be set for one worker and, under `defaults`, for all. Defaults stand below, in {@link defaults}. */
const settings = {
  // Its range depends on schedule.minInterval: resolve.ts checks it.
  interval: duration(
    0,
    Number.MAX_SAFE_INTEGER,
    `from ${formatDuration(INTERVAL_MS_MIN)} (schedule.minInterval lowers it) to ${formatDuration(INTERVAL_MS_MAX)}`,
  ).describe(
    `Time from one tick to the next, ${formatDuration(INTERVAL_MS_MIN)} to ${formatDuration(INTERVAL_MS_MAX)}. ` +
      `Default ${formatDuration(INTERVAL_MS_DEFAULT)}. Use either interval or cron.`,
  ),
  cron: z
    .string()
    .min(1)
    .max(200)
    .describe(
      'Cron expression instead of an interval: minute hour day month weekday, with seconds as optional first field.',
    ),
  timezone: z.string().describe('Time zone of cron, such as Europe/Berlin. Default UTC.'),
  catchUp: z
    .enum(['none', 'one'])
    .describe('After a pause, run the missed cron slots not at all or once. Default none.'),
  maxErrors: count(...RANGES.maxErrors).describe('Consecutive errors after which the worker is stopped as failed.'),
  params: z
    .unknown()
    .refine(isJson, {
      error: 'must be JSON: text, finite numbers, true, false, null, lists and maps, nested 64 deep at most',
    })
    .describe('Any JSON; the worker reads it as ctx.params. A worker that has its own params gets only those.'),
  timeout: timeout('one tick'),
  setupTimeout: timeout('setup'),
  onErrorTimeout: timeout('on_error'),
  cpu: duration(...RANGES.timeoutMs).describe(
    'CPU time that one call of setup, tick, resume or on_error may use. Default: no limit but its timeout.',
  ),
  memory: bytes(8 * MiB, 4096 * MiB).describe(
    `Memory limit of the worker. Default ${JAVASCRIPT_MEMORY} for JavaScript and TypeScript, ${PYTHON_MEMORY} for Python.`,
  ),
  isolation: z.enum(['shared', 'dedicated']).describe('dedicated gives the worker a process of its own.'),
  enabled: z.boolean().describe('false: the worker is deployed and kept, but does not run.'),
  workspace: name().describe('The tenant that owns the worker. Workers of two workspaces never share a process.'),
} as const;

const defaults = z
  .strictObject({
    ...z.strictObject(settings).partial().shape,
    maxErrors: settings.maxErrors.prefault(MAX_ERRORS_DEFAULT),
    timeout: settings.timeout.prefault(formatDuration(TICK_TIMEOUT_MS)),
    setupTimeout: settings.setupTimeout.prefault(formatDuration(SETUP_TIMEOUT_MS)),
    onErrorTimeout: settings.onErrorTimeout.prefault(formatDuration(ON_ERROR_TIMEOUT_MS)),
    isolation: settings.isolation.prefault('shared'),
    enabled: settings.enabled.prefault(true),
    workspace: settings.workspace.prefault('default'),
  })
  .describe('Settings for every worker that does not set them itself.');

const worker = z.strictObject({
  name: name().optional().describe('Default: from the file name, price_alert.py becomes price-alert.'),
  file: z
    .string()
    .min(1)
    .describe('The .py, .js, .mjs or .ts file, or a folder with worker.py (.js, .mjs, .ts); relative to this file.'),
  ...z.strictObject(settings).partial().shape,
});

const http = z
  .strictObject({
    allowPrivate: z
      .array(z.string().regex(HOST_PORT_PATTERN, { error: HOST_PORT_HELP }))
      .prefault([])
      .describe('host:port pairs with private addresses that workers may reach all the same.'),
    timeout: duration(...RANGES.timeoutMs)
      .prefault('30s')
      .describe('Longest time of one request.'),
    responseMax: bytes(...RANGES.responseBytes)
      .prefault('5MiB')
      .describe('Largest response body.'),
    concurrentPerWorker: count(...RANGES.requestsPerWorker)
      .prefault(8)
      .describe('Requests of one worker at the same time.'),
  })
  .describe('What ctx.http may do.');

const cells = z
  .strictObject({
    max: count(...RANGES.cells)
      .prefault(32)
      .describe('Most cells (processes that hold workers) at once.'),
    memory: bytes(...RANGES.cellBytes)
      .prefault('512MiB')
      .describe('What a cell may grow beyond its start, not counting what its workers may use.'),
    workersPerCell: z
      .strictObject({
        javascript: count(...RANGES.javascriptPerCell)
          .prefault(1_000)
          .describe('JavaScript and TypeScript workers in one cell.'),
        python: count(...RANGES.pythonPerCell)
          .prefault(40)
          .describe('Python workers in one cell.'),
      })
      .prefault({})
      .describe('How many workers share a cell.'),
    maxAge: duration(...RANGES.cellAgeMs)
      .prefault('6h')
      .describe('A cell that is older is replaced between ticks; up to a fifth sooner or later.'),
    maxRuns: count(...RANGES.cellRuns)
      .prefault(10_000_000)
      .describe('A cell that has done more runs is replaced the same way.'),
    residentPython: count(...RANGES.residentPython)
      .optional()
      .describe('Python workers that stay in memory; default from the size of the machine. Each takes about 100 MiB.'),
  })
  .describe('The processes that hold the workers.');

const schedule = z
  .strictObject({
    spread: z.boolean().prefault(true).describe('Spread workers that start together over their interval.'),
    minInterval: duration(...RANGES.minIntervalMs)
      .prefault(formatDuration(INTERVAL_MS_MIN))
      .describe('Smallest interval that a worker may have.'),
  })
  .describe('When workers tick.');

const retention = z
  .strictObject({
    ticksPerWorker: count(...RANGES.ticksPerWorker)
      .prefault(1_000)
      .describe('Ticks kept per worker.'),
    failedTickDays: count(...RANGES.failedTickDays)
      .prefault(30)
      .describe('Days for which ticks that were not ok are kept.'),
    logSize: bytes(...RANGES.logBytes)
      .prefault('256MiB')
      .describe('Log text kept over all workers.'),
    logDays: count(...RANGES.logDays)
      .prefault(30)
      .describe('Days for which log lines are kept.'),
    diskSize: bytes(...RANGES.diskBytes)
      .prefault(formatBytes(RECORDS_BYTES_DEFAULT))
      .describe('Size on disk of ticks, minutes and logs together; above it the oldest go. State is not counted.'),
  })
  .describe('How long the records of ticks and logs are kept.');

const sidecar = z.strictObject({
  name: name().describe('Shown before its output.'),
  command: z
    .array(z.string().min(1))
    .min(1)
    .describe('Program and arguments, run without a shell. The program `node` is the Node of the runtime itself.'),
  cwd: z.string().prefault('.').describe('Folder it runs in, relative to this file.'),
  ready: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' })
    .optional()
    .describe('Address that is asked until it answers with 2xx; the workers start after that.'),
  readyTimeout: duration(...RANGES.timeoutMs)
    .prefault('20s')
    .describe('Longest wait for ready.'),
});

/** The configuration file. Output: durations in ms, sizes in bytes; paths still as written. */
export const configSchema = z.strictObject({
  $schema: z.string().optional().describe('For editors: where the JSON Schema of this file is.'),
  data: z.string().min(1).prefault('.runtime').describe('Folder for state, records and caches; relative to this file.'),
  defaults: defaults.prefault({}),
  workers: z.array(worker).prefault([]).describe('The workers, one entry each.'),
  workersFolder: z
    .string()
    .min(1)
    .optional()
    .describe('Folder whose .py, .js, .mjs and .ts files, and folders with a worker.* file, all become workers.'),
  sidecars: z
    .array(sidecar)
    .prefault([])
    .describe(
      'Helper processes of yours, started before the workers, stopped after them. They must end when stdin ends.',
    ),
  http: http.prefault({}),
  cells: cells.prefault({}),
  sandbox: sandbox.prefault({}),
  schedule: schedule.prefault({}),
  retention: retention.prefault({}),
  postgres,
  redis,
  state: state.prefault({}),
  placement: placement.prefault({}),
});

export type Config = z.output<typeof configSchema>;
export type ConfigWorker = Config['workers'][number];

/** A value's nesting; also ends what an alias to its own parent would repeat for ever. */
const PARAMS_DEPTH_MAX = 64;

function isJson(value: unknown): boolean {
  return isJsonWithin(value, PARAMS_DEPTH_MAX);
}

function isJsonWithin(value: unknown, depth: number): boolean {
  if (value === null || value === undefined || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth === 0) return false;
  return Object.values(value).every((item) => isJsonWithin(item, depth - 1));
}
