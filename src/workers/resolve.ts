/** Worker options as given → a definition with every setting there. The one place that knows the defaults of a worker. */
import { Cron } from 'croner';
import { z } from 'zod';
import { RuntimeError } from '../core/errors.ts';
import {
  INTERVAL_MS_DEFAULT,
  INTERVAL_MS_MAX,
  INTERVAL_MS_MIN,
  MAX_ERRORS_DEFAULT,
  MEMORY_BYTES_DEFAULT,
  ON_ERROR_TIMEOUT_MS,
  SETUP_TIMEOUT_MS,
  TICK_TIMEOUT_MS,
} from '../core/limits.ts';
import { optionsOf, problemOf } from '../core/option-schema.ts';
import type { WorkerOptions, WorkerPatch } from '../runtime.ts';
import type { Language, Schedule, WorkerDefinition, WorkerSettings } from './definition.ts';

const setting = {
  schedule: z
    .discriminatedUnion('kind', [
      optionsOf({ kind: z.literal('interval'), intervalMs: z.number() }),
      optionsOf({
        kind: z.literal('cron'),
        expression: z.string(),
        timezone: z.string(),
        catchUp: z.enum(['none', 'one']),
      }),
    ])
    .optional(),
  maxErrors: z.int().optional(),
  params: z.json().optional(),
  tickTimeoutMs: z.number().optional(),
  setupTimeoutMs: z.number().optional(),
  onErrorTimeoutMs: z.number().optional(),
  cpuLimitMs: z.number().nullable().optional(),
  memoryBytes: z.number().optional(),
  isolation: z.enum(['shared', 'dedicated']).optional(),
};
const file = optionsOf({ path: z.string(), text: z.string() });
const patchSchema = optionsOf(setting);
const optionsSchema = optionsOf({
  ...setting,
  name: z.string(),
  workspace: z.string().optional(),
  source: z.discriminatedUnion('kind', [
    optionsOf({ kind: z.literal('file'), file: z.string() }),
    optionsOf({ kind: z.literal('files'), entry: z.string(), files: z.array(file).readonly() }),
  ]),
});

/** What a program handed in, checked like a configuration file. @throws RuntimeError CONFIG_INVALID */
export function checkOptions(options: unknown): void {
  check(optionsSchema, options, 'deploy');
}

function check(schema: z.ZodType, value: unknown, where: string): void {
  try {
    JSON.stringify(value);
  } catch {
    throw new RuntimeError('CONFIG_INVALID', `${where}: params must be JSON: no BigInt, nothing that contains itself.`);
  }
  const problem = problemOf(schema, value, where);
  if (problem !== undefined) throw new RuntimeError('CONFIG_INVALID', problem);
}

/** @throws RuntimeError CONFIG_INVALID */
export function resolveWorker(options: WorkerOptions, language: Language, minIntervalMs?: number): WorkerDefinition {
  return {
    workspace: options.workspace ?? 'default',
    name: options.name,
    source: options.source,
    settings: resolve(options, language, minIntervalMs),
  };
}

/** What is not given keeps its value in `before`. @throws RuntimeError CONFIG_INVALID */
export function resolveSettings(
  given: WorkerPatch,
  language: Language,
  minIntervalMs: number | undefined,
  before: WorkerSettings,
): WorkerSettings {
  check(patchSchema, given, 'reconfigure');
  return resolve(given, language, minIntervalMs, before);
}

function resolve(
  given: WorkerPatch,
  language: Language,
  minIntervalMs: number = INTERVAL_MS_MIN,
  before?: WorkerSettings,
): WorkerSettings {
  const schedule = given.schedule ?? before?.schedule ?? { kind: 'interval', intervalMs: INTERVAL_MS_DEFAULT };
  checkSchedule(schedule, minIntervalMs);
  return {
    schedule,
    maxErrors: between('maxErrors', given.maxErrors ?? before?.maxErrors ?? MAX_ERRORS_DEFAULT, 1, 1_000_000),
    params: given.params ?? before?.params ?? {},
    tickTimeoutMs: timeout('tickTimeoutMs', given.tickTimeoutMs ?? before?.tickTimeoutMs ?? TICK_TIMEOUT_MS),
    setupTimeoutMs: timeout('setupTimeoutMs', given.setupTimeoutMs ?? before?.setupTimeoutMs ?? SETUP_TIMEOUT_MS),
    onErrorTimeoutMs: timeout(
      'onErrorTimeoutMs',
      given.onErrorTimeoutMs ?? before?.onErrorTimeoutMs ?? ON_ERROR_TIMEOUT_MS,
    ),
    cpuLimitMs: cpuLimit(given.cpuLimitMs === undefined ? before?.cpuLimitMs : given.cpuLimitMs),
    memoryBytes: between(
      'memoryBytes',
      given.memoryBytes ?? before?.memoryBytes ?? MEMORY_BYTES_DEFAULT[language],
      language === 'python' ? 64 * 1024 * 1024 : 8 * 1024 * 1024,
      4 * 1024 * 1024 * 1024,
    ),
    isolation: given.isolation ?? before?.isolation ?? 'shared',
  };
}

function checkSchedule(schedule: Schedule, minIntervalMs: number): void {
  if (schedule.kind === 'interval') {
    between('the interval (ms)', schedule.intervalMs, minIntervalMs, INTERVAL_MS_MAX);
    return;
  }
  try {
    new Cron(schedule.expression, { timezone: schedule.timezone, paused: true }).nextRun();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RuntimeError(
      'CONFIG_INVALID',
      `The cron expression "${schedule.expression}" (${schedule.timezone}) is not valid: ${reason}`,
    );
  }
}

const timeout = (name: string, value: number): number => between(name, value, 10, 3_600_000);

const cpuLimit = (ms: number | null | undefined): number | null =>
  ms === null || ms === undefined ? null : timeout('cpuLimitMs', ms);

function between(name: string, value: number, min: number, max: number): number {
  if (Number.isFinite(value) && value >= min && value <= max) return value;
  throw new RuntimeError('CONFIG_INVALID', `${name} is ${value}; it must lie between ${min} and ${max}.`);
}
