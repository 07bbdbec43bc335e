/**
 * One attack of test/security/corpus: a worker, and in its first comment what it tries and what must happen. The front matter
 * is `key: value` lines; `what` and `expect` must be there, the rest has the defaults that are named here:
 *
 * - `what`: one sentence. `expect`: allowed ends (the code), separated by commas.
 * - `timeoutMs` (1,000; 10,000 where `timeout` is no end that is allowed) and `memoryMiB` (64, Python 128): its limits. With real
 *   limits it gets the defaults of the engine, and more memory only where it asks for more than those.
 * - `endsWithinMs` (2,000): the time. How much longer than its limit a call may take until its end is stored.
 * - `keepsMiB` (448): the memory. Above the budget a cell may be as INV-12 says, whatever a case does; this is what it may hold above
 *   its start some seconds after the worker was removed, if it still lives: less than the growth that a cell may have (512). A heap that
 *   was large stays larger, by 150 MiB or, after a flood of logs, 400, and then grows no more.
 * - `maxErrors` (1): errors until it ends. `ticks` (1): good ticks until it has ended well. `intervalMs` (1,000).
 * - `idleCpuMs`: in 3 s between its first tick and its second, its cell may use so much of a processor. It has a cell of its own then.
 * - `spawnsMax`: so many cells may be started for it.
 * - `logs`: log lines (not dropped ones) that it may leave at most.
 * - `stack: own` where it writes the text of its own stack, which then is bounded as a stack and not as a message.
 * - `state: none` where nothing can be written before the attack.
 *
 * A worker writes `before: "kept"` to its state before the attack line, and reports what it got hold of under `found`,
 * which must stay empty or absent.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface Attack {
  readonly name: string;
  readonly file: string;
  readonly language: 'js' | 'py';
  readonly code: string;
  readonly what: string;
  /** `ok`, `invalid` (never loads), or an outcome with its code, such as `error USER_ERROR`. */
  readonly expect: readonly string[];
  readonly timeoutMs: number;
  readonly memoryMiB: number;
  readonly endsWithinMs: number;
  readonly keepsMiB: number;
  readonly maxErrors: number;
  readonly ticks: number;
  readonly intervalMs: number;
  readonly idleCpuMs: number | null;
  readonly spawnsMax: number | null;
  readonly logsMax: number | null;
  readonly ownStack: boolean;
  readonly writesState: boolean;
}

export const CORPUS = new URL('../security/corpus/', import.meta.url);
const MEMORY_MIB = { js: 64, py: 128 } as const;
const KEEPS_MIB = 448;
const KEYS: ReadonlySet<string> = new Set([
  'what',
  'expect',
  'timeoutMs',
  'memoryMiB',
  'endsWithinMs',
  'keepsMiB',
  'maxErrors',
  'ticks',
  'intervalMs',
  'idleCpuMs',
  'spawnsMax',
  'logs',
  'stack',
  'state',
]);

/** Short names of the ends that have one code only. */
const ENDS: Readonly<Record<string, string>> = {
  timeout: 'timeout TICK_TIMEOUT',
  memory: 'memory MEMORY_LIMIT',
  crash: 'cell-lost SANDBOX_CRASH',
  error: 'error USER_ERROR',
};
/** The others: it was good, it was refused when it was deployed, it could not be loaded, or its loading failed its last time. */
const OTHER_ENDS: ReadonlySet<string> = new Set(['ok', 'CODE_INVALID', 'invalid', 'load']);

export function readCorpus(): readonly Attack[] {
  return readdirSync(CORPUS)
    .toSorted()
    .map((file) => parseAttack(file, readFileSync(new URL(file, CORPUS), 'utf8')));
}

/** @throws Error naming the file and what is wrong with its header */
export function parseAttack(file: string, code: string): Attack {
  const fields = new Map<string, string>();
  for (const line of code.split('\n')) {
    const match = /^(?:\/\/|#) (\w+): (.*)$/.exec(line);
    if (match === null) break;
    const key = match[1] as string;
    if (!KEYS.has(key) || fields.has(key)) throw new Error(`${file}: "${key}:" is unknown, or there twice`);
    fields.set(key, (match[2] as string).trim());
  }
  const field = (name: string): string => {
    const value = fields.get(name) ?? '';
    if (value === '') throw new Error(`${file} has no "${name}:" in its first comment`);
    return value;
  };
  const numberOf = <T>(name: string, fallback: T): number | T => {
    if (!fields.has(name)) return fallback;
    const value = Number(field(name));
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${file}: "${name}:" is not a number`);
    return value;
  };
  const ends = field('expect')
    .split(',')
    .map((end) => endOf(file, end.trim()));
  const language = file.endsWith('.py') ? 'py' : 'js';
  return {
    name: file.replace('.', '-'),
    file,
    language,
    code,
    what: field('what'),
    expect: ends,
    timeoutMs: numberOf('timeoutMs', ends.includes(ENDS['timeout'] as string) ? 1_000 : 10_000),
    memoryMiB: numberOf('memoryMiB', MEMORY_MIB[language]),
    endsWithinMs: numberOf('endsWithinMs', 2_000),
    keepsMiB: numberOf('keepsMiB', KEEPS_MIB),
    maxErrors: numberOf('maxErrors', 1),
    ticks: numberOf('ticks', 1),
    intervalMs: numberOf('intervalMs', 1_000),
    idleCpuMs: numberOf('idleCpuMs', null),
    spawnsMax: numberOf('spawnsMax', null),
    logsMax: numberOf('logs', null),
    ownStack: fields.get('stack') === 'own',
    writesState: fields.get('state') !== 'none',
  };
}

function endOf(file: string, name: string): string {
  const end = ENDS[name] ?? (OTHER_ENDS.has(name) ? name : undefined);
  if (end === undefined) throw new Error(`${file}: there is no end "${name}"`);
  return end;
}
