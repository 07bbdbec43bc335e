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

/** Own keys only: `__proto__` is no kind of entry. */
const ENTRY_LENGTHS = {
  __proto__: null,
  s: 3,
  v: 3,
  d: 2,
  l: 5,
  n: 2,
  f: 2,
  b: 2,
  w: 3,
  p: 3,
  q: 4,
} as unknown as Readonly<Record<StreamEntry[0], number>>;

/** How many keys a message of each kind has; `ended` may have two more. */
const KEYS = {
  __proto__: null,
  hello: 4,
  ready: 2,
  snapshot: 3,
  fatal: 2,
  started: 4,
  settled: 3,
  unloaded: 3,
  stuck: 4,
  stream: 4,
  ended: 10,
  loaded: 4,
  'load-failed': 5,
} as unknown as Readonly<Record<FromCell['kind'], number | undefined>>;

/** Longest text of a log line and of an error that is taken from a cell (it cuts them itself, shorter). */
const TEXT_MAX = 64 * 1024;

type Bag = Record<string, unknown>;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isAmount = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value < 1e12;
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= TEXT_MAX;
/** So many keys and no more: what nobody reads would be kept all the same. */
const hasKeys = (bag: Bag, count: number): boolean => Object.keys(bag).length === count;

export function isError(value: unknown): value is GuestError {
  const error = value as Bag | null;
  return (
    typeof error === 'object' &&
    error !== null &&
    hasKeys(error, 3) &&
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
    hasKeys(report, 3) &&
    Array.isArray(report['functions']) &&
    report['functions'].length <= FUNCTIONS.length &&
    report['functions'].every((name) => FUNCTIONS.includes(name as GuestFunction)) &&
    typeof report['setupBindsGlobals'] === 'boolean' &&
    isAmount(report['durationMs'])
  );
}

export function isEntry(value: unknown): value is StreamEntry {
  if (!Array.isArray(value) || value.length !== ENTRY_LENGTHS[value[0] as StreamEntry[0]]) return false;
  switch (value[0]) {
    case 's':
    case 'v':
      return isText(value[1]) && typeof value[2] === 'string';
    case 'd':
      return isText(value[1]);
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
  return hasItsKeys(message) && isMessage(message) ? (value as FromCell) : null;
}

function hasItsKeys(message: Bag): boolean {
  const count = KEYS[message['kind'] as FromCell['kind']];
  if (count === undefined) return false;
  const more = message['kind'] !== 'ended' ? 0 : Number('entries' in message) + Number('error' in message);
  return hasKeys(message, count + more);
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
        isAmount(message['insideMs']) &&
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
