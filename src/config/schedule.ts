/** A worker's schedule from its own settings and the defaults, with everything that can be wrong about it. */
import { Cron } from 'croner';
import { INTERVAL_MS_DEFAULT, INTERVAL_MS_MAX } from '../core/limits.ts';
import type { Schedule } from '../workers/definition.ts';
import { formatDuration } from './duration.ts';
import type { Config, ConfigWorker } from './schema.ts';

type Key = 'interval' | 'cron' | 'timezone' | 'catchUp';

export interface ScheduleFinding {
  readonly key: Key;
  /** Which settings the key stands in. */
  readonly in: 'worker' | 'defaults';
  readonly message: string;
}

export type DecidedSchedule = { readonly schedule: Schedule; readonly findings: readonly ScheduleFinding[] };

/** The worker's own interval or cron counts, then those of the defaults, then every 10 s. */
export function decideSchedule(
  worker: ConfigWorker,
  defaults: Config['defaults'],
  minIntervalMs: number,
): DecidedSchedule {
  const findings: ScheduleFinding[] = [];
  const add = (key: Key, level: 'worker' | 'defaults', message: string) => findings.push({ key, in: level, message });

  for (const [level, given] of [
    ['worker', worker],
    ['defaults', defaults],
  ] as const) {
    if (given.interval !== undefined && given.cron !== undefined)
      add('cron', level, 'use either interval or cron, not both');
  }
  const level = worker.interval === undefined && worker.cron === undefined ? 'defaults' : 'worker';
  const given = level === 'worker' ? worker : defaults;
  if (given.cron === undefined) {
    const intervalMs = given.interval ?? Math.max(INTERVAL_MS_DEFAULT, minIntervalMs);
    if (intervalMs < minIntervalMs || intervalMs > INTERVAL_MS_MAX) {
      const range = `must be between ${formatDuration(minIntervalMs)} and ${formatDuration(INTERVAL_MS_MAX)}`;
      add(
        'interval',
        level,
        intervalMs < minIntervalMs ? `${range} (schedule.minInterval lowers it)` : `${range}; use cron for more`,
      );
    }
    for (const key of ['timezone', 'catchUp'] as const) {
      if (worker[key] !== undefined) add(key, 'worker', 'has a meaning with cron only; remove it or write cron');
    }
    return { schedule: { kind: 'interval', intervalMs }, findings };
  }

  const timezone = worker.timezone ?? defaults.timezone ?? 'UTC';
  const zoneKnown = isTimezone(timezone);
  if (!zoneKnown) {
    add(
      'timezone',
      worker.timezone === undefined ? 'defaults' : 'worker',
      'is not a known time zone; write one such as Europe/Berlin or UTC',
    );
  }
  const problem = cronProblem(given.cron, zoneKnown ? timezone : 'UTC');
  if (problem !== undefined) add('cron', level, problem);
  const catchUp = worker.catchUp ?? defaults.catchUp ?? 'none';
  return { schedule: { kind: 'cron', expression: given.cron, timezone, catchUp }, findings };
}

function isTimezone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
    return true;
  } catch {
    return false;
  }
}

function cronProblem(expression: string, timezone: string): string | undefined {
  try {
    const cron = new Cron(expression, { paused: true, timezone, mode: '5-or-6-parts' });
    return cron.nextRun() === null ? 'never comes; check day and month' : undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
    return `is not a cron expression (${reason}); write minute hour day month weekday, such as */5 * * * *`;
  }
}
