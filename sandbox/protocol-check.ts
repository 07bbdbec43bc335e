/**
 * The node's check of what a cell says. SECURITY: a cell is untrusted; a message that is not exactly what protocol.ts declares ends the
 * cell (test/security/wire.test.ts). Written by hand because every tick passes through it.
 */
import type { FromCell, GuestError, GuestFunction, LoadReport, RunOutcome, StreamEntry } from './protocol.ts';

const OUTCOMES: readonly RunOutcome[] = ['ok', 'error', 'timeout', 'memory', 'cpu', 'cancelled'];
const FUNCTIONS: readonly GuestFunction[] = ['setup', 'tick', 'resume', 'on_error'];
const LEVELS: readonly unknown[] = ['debug', 'info', 'warn', 'error'];
const FAILURES: readonly unknown[] = [
  'CODE_INVALID',
  'USER_ERROR',
  'TICK_TIMEOUT',
  'MEMORY_LIMIT',
  'STATE_CORRUPT',
  'INTERNAL',
];

/** Longest text of a log line and of an error that is taken from a cell (it cuts them itself, shorter). */
const TEXT_MAX = 64 * 1024;

type Bag = Record<string, unknown>;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isAmount = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value < 1e12;
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= TEXT_MAX;

export function isError(value: unknown): value is GuestError {
  const error = value as Bag | null;
  return (
    typeof error === 'object' &&
    error !== null &&
    isText(error['name']) &&
    isText(error['message']) &&
    isText(error['stack'])
  );
}

export function isReport(value: unknown): value is LoadReport {
  const report = value as Bag | null;
  return (
    typeof report === 'object' &&
    report !== null &&
    Array.isArray(report['functions']) &&
    report['functions'].every((name) => FUNCTIONS.includes(name as GuestFunction)) &&
    typeof report['setupBindsGlobals'] === 'boolean' &&
    isAmount(report['durationMs'])
  );
}

export function isEntry(value: unknown): value is StreamEntry {
  if (!Array.isArray(value)) return false;
  switch (value[0]) {
    case 's':
    case 'v':
      return typeof value[1] === 'string' && typeof value[2] === 'string';
    case 'd':
      return typeof value[1] === 'string';
    case 'l':
      return (
        LEVELS.includes(value[1]) &&
        isText(value[2]) &&
        (value[3] === null || isText(value[3])) &&
        typeof value[4] === 'number' &&
        isAmount(Math.abs(value[4]) / 1e4)
      );
    case 'n':
    case 'f':
    case 'b':
      return isCount(value[1]);
    case 'w':
      return isCount(value[1]) && (value[2] === null || isCount(value[2]));
    case 'p':
      return isCount(value[1]) && (value[2] === null || typeof value[2] === 'boolean');
    case 'q':
      return isCount(value[1]) && isText(value[2]) && typeof value[3] === 'string';
    default:
      return false;
  }
}

const areEntries = (value: unknown): boolean => Array.isArray(value) && value.every(isEntry);

/** The message, or null when it is not one. */
export function checkFromCell(value: unknown): FromCell | null {
  if (typeof value !== 'object' || value === null) return null;
  const message = value as Bag;
  return isMessage(message) ? (value as FromCell) : null;
}

function isMessage(message: Bag): boolean {
  switch (message['kind']) {
    case 'hello':
      return isCount(message['protocol']) && isCount(message['pid']) && isText(message['node']);
    case 'ready':
      return isCount(message['rssBytes']);
    case 'snapshot':
      return typeof message['base64'] === 'string' && typeof message['last'] === 'boolean';
    case 'fatal':
      return isText(message['message']);
  }
  if (!isCount(message['sandbox']) || !isCount(message['incarnation'])) return false;
  switch (message['kind']) {
    case 'started':
      return isAmount(message['forMs']);
    case 'settled':
    case 'unloaded':
      return true;
    case 'stuck':
      return message['cause'] === 'memory' || message['cause'] === 'timeout' || message['cause'] === 'damage';
    case 'stream':
      return areEntries(message['entries']);
    case 'ended':
      return (
        isCount(message['run']) &&
        (message['entries'] === undefined || areEntries(message['entries'])) &&
        OUTCOMES.includes(message['outcome'] as RunOutcome) &&
        (message['error'] === undefined || isError(message['error'])) &&
        isAmount(message['waitedMs']) &&
        isAmount(message['durationMs']) &&
        isAmount(message['cpuMs']) &&
        typeof message['intact'] === 'boolean'
      );
    case 'loaded':
      return isReport(message['report']);
    case 'load-failed':
      return FAILURES.includes(message['code']) && isError(message['error']);
    default:
      return false;
  }
}
