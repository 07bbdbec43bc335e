/**
 * One attack of test/security/corpus: a worker, and in its first comment what it does and how it may end. The front matter
 * is `key: value` lines: `what` (one sentence), `expect` (allowed ends, separated by commas), `timeoutMs`, `memoryMiB`,
 * `state: none` where nothing can be written before the attack.
 *
 * A worker writes `before: "kept"` to its state before the attack line, and reports what it got hold of under `found`,
 * which must stay empty or absent.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface Attack {
  readonly name: string;
  readonly file: string;
  readonly code: string;
  readonly what: string;
  /** `ok`, `invalid` (never loads), or an outcome with its code, such as `error USER_ERROR`. */
  readonly expect: readonly string[];
  readonly timeoutMs: number;
  readonly memoryMiB: number;
  readonly writesState: boolean;
}

const CORPUS = new URL('../security/corpus/', import.meta.url);
const MEMORY_MIB = { js: 64, py: 128 } as const;

/** Short names of the ends that have one code only. */
const ENDS: Readonly<Record<string, string>> = {
  timeout: 'timeout TICK_TIMEOUT',
  memory: 'memory MEMORY_LIMIT',
  crash: 'cell-lost SANDBOX_CRASH',
  error: 'error USER_ERROR',
};

export function readCorpus(): readonly Attack[] {
  return readdirSync(CORPUS)
    .toSorted()
    .map((file) => parseAttack(file, readFileSync(new URL(file, CORPUS), 'utf8')));
}

export function parseAttack(file: string, code: string): Attack {
  const fields = new Map<string, string>();
  for (const line of code.split('\n')) {
    const match = /^(?:\/\/|#) (\w+): (.*)$/.exec(line);
    if (match === null) break;
    fields.set(match[1] as string, (match[2] as string).trim());
  }
  const field = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw new Error(`${file} has no "${name}:" in its first comment`);
    return value;
  };
  const extension = file.endsWith('.py') ? 'py' : 'js';
  return {
    name: file.replace('.', '-'),
    file,
    code,
    what: field('what'),
    expect: field('expect')
      .split(',')
      .map((end) => ENDS[end.trim()] ?? end.trim()),
    timeoutMs: Number(fields.get('timeoutMs') ?? 1_000),
    memoryMiB: Number(fields.get('memoryMiB') ?? MEMORY_MIB[extension]),
    writesState: fields.get('state') !== 'none',
  };
}
