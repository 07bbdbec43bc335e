/** What the command line and the environment say. */
import { parseArgs } from 'node:util';

export const SUITES = ['isolated-vm', 'vm2', 'test262'] as const;
export type Suite = (typeof SUITES)[number];

/** Each names a folder with a copy of the suite; none of it is part of this repository. */
export const FOLDERS: Readonly<Record<Suite, string>> = {
  'isolated-vm': 'TICK_RUNTIME_ISOLATED_VM',
  vm2: 'TICK_RUNTIME_VM2',
  test262: 'TICK_RUNTIME_TEST262',
};
/** Where results are kept; what is there is not run again. */
export const RESULTS = 'TICK_RUNTIME_SUITES_RESULTS';

export interface SuiteOptions {
  readonly suites: readonly Suite[];
  /** Only files whose path contains this. */
  readonly only: string;
  readonly limit: number;
  /** Every so-many-th file, beginning where the seed says. */
  readonly sample: number;
  readonly seed: number;
  readonly lanes: number;
  /** Tests for both modes of the language in sloppy mode only. */
  readonly once: boolean;
  readonly baseline: boolean;
  /** As `nice` has it. */
  readonly priority: number;
}

const LANES = 8;
/** Whoever measures on the same machine comes first. */
const LOWEST_PRIORITY = 19;

/** @throws Error for what it does not understand */
export function parseOptions(args: readonly string[]): SuiteOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      suite: { type: 'string', default: SUITES.join(',') },
      only: { type: 'string', default: '' },
      limit: { type: 'string', default: 'Infinity' },
      sample: { type: 'string', default: '1' },
      seed: { type: 'string', default: '0' },
      lanes: { type: 'string', default: `${LANES}` },
      once: { type: 'boolean', default: false },
      priority: { type: 'string', default: `${LOWEST_PRIORITY}` },
      'no-baseline': { type: 'boolean', default: false },
    },
  });
  return {
    suites: values.suite.split(',').map(suiteOf),
    only: values.only,
    limit: values.limit === 'Infinity' ? Infinity : wholeNumber('limit', values.limit, 1),
    sample: wholeNumber('sample', values.sample, 1),
    seed: wholeNumber('seed', values.seed, 0),
    lanes: wholeNumber('lanes', values.lanes, 1),
    once: values.once,
    baseline: !values['no-baseline'],
    priority: wholeNumber('priority', values.priority, 0),
  };
}

/** The files of a suite that are wanted, in their order. */
export function selectFiles(
  files: readonly string[],
  options: Pick<SuiteOptions, 'only' | 'limit' | 'sample' | 'seed'>,
) {
  const { only, limit, sample, seed } = options;
  return files
    .filter((file) => file.includes(only))
    .filter((_file, index) => index % sample === seed % sample)
    .slice(0, limit);
}

function suiteOf(text: string): Suite {
  const suite = SUITES.find((one) => one === text);
  if (suite === undefined) throw new Error(`--suite must be one of ${SUITES.join(', ')}, not ${text}`);
  return suite;
}

function wholeNumber(name: string, text: string, min: number): number {
  const number = Number(text);
  if (text === '' || !Number.isInteger(number) || number < min)
    throw new Error(`--${name} must be a whole number from ${min}, not ${text}`);
  return number;
}
