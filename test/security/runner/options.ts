/** What the command line of the runner says. */
import { parseArgs } from 'node:util';

export interface RunOptions {
  /** How often each case runs. */
  readonly times: number;
  /** The engine's own limits instead of the short ones of the corpus. */
  readonly realLimits: boolean;
  /** Only cases whose file name has one of these in it, where it is not empty. */
  readonly only: readonly string[];
  /** Cases at the same time, each in a workspace of its own. */
  readonly lanes: number;
  /** Prints every case. */
  readonly verbose: boolean;
}

export const DEFAULTS: RunOptions = { times: 1, realLimits: false, only: [], lanes: 3, verbose: false };
const FULL_TIMES = 20;

/** @throws Error for what it does not understand */
export function parseOptions(args: readonly string[]): RunOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      full: { type: 'boolean', default: false },
      times: { type: 'string' },
      only: { type: 'string', default: '' },
      lanes: { type: 'string', default: `${DEFAULTS.lanes}` },
      verbose: { type: 'boolean', default: false },
    },
  });
  return {
    times: count('times', values.times ?? `${values.full ? FULL_TIMES : DEFAULTS.times}`),
    realLimits: values.full,
    only: values.only === '' ? [] : values.only.split(','),
    lanes: count('lanes', values.lanes),
    verbose: values.verbose,
  };
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} is a whole number from 1 on, not ${text}`);
  return value;
}
