/** What the command line of the harness says. */
import { parseArgs } from 'node:util';

export type Setup = 'embedded' | 'postgres' | 'redis+postgres';
export type Ack = 'redis' | 'postgres';
export type Appendonly = 'everysec' | 'always';

export interface HarnessOptions {
  /** Faults drawn at most; with `minutes` whichever comes first. */
  readonly rounds: number;
  readonly seed: number;
  readonly setup: Setup;
  readonly ack: Ack;
  readonly appendonly: Appendonly;
  /** A bug that is put into the nodes; see plants.ts. */
  readonly plant: string | null;
  /** Only these kinds of fault, where it is not empty. */
  readonly only: readonly string[];
  readonly python: boolean;
  /** Every worker has to tick again so long after everything is up. */
  readonly recoveryMs: number;
  readonly until: number;
  /** Prints every round. */
  readonly verbose: boolean;
}

export type Mode =
  | { readonly kind: 'rounds' }
  | { readonly kind: 'failpoints'; readonly times: number; readonly only: readonly string[] }
  | { readonly kind: 'self-test'; readonly only: readonly string[] };

const RECOVERY_MS = 10_000;

/** @throws Error for what it does not understand */
export function parseOptions(args: readonly string[]): { readonly options: HarnessOptions; readonly mode: Mode } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '50' },
      seed: { type: 'string' },
      setup: { type: 'string', default: 'redis+postgres' },
      ack: { type: 'string' },
      appendonly: { type: 'string', default: 'everysec' },
      plant: { type: 'string' },
      only: { type: 'string', default: '' },
      failpoints: { type: 'boolean', default: false },
      'self-test': { type: 'boolean', default: false },
      times: { type: 'string', default: '5' },
      minutes: { type: 'string' },
      'recovery-ms': { type: 'string', default: `${RECOVERY_MS}` },
      python: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
    },
  });
  const setup = oneOf('setup', values.setup, ['embedded', 'postgres', 'redis+postgres']);
  const ack = oneOf('ack', values.ack ?? (setup === 'redis+postgres' ? 'redis' : 'postgres'), ['redis', 'postgres']);
  if (ack === 'redis' && setup !== 'redis+postgres') throw new Error('--ack redis needs --setup redis+postgres');
  const only = values.only === '' ? [] : values.only.split(',');
  const options: HarnessOptions = {
    rounds: numberOf('rounds', values.rounds),
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : numberOf('seed', values.seed),
    setup,
    ack,
    appendonly: oneOf('appendonly', values.appendonly, ['everysec', 'always']),
    plant: values.plant ?? null,
    only,
    python: values.python,
    recoveryMs: numberOf('recovery-ms', values['recovery-ms']),
    until: values.minutes === undefined ? Infinity : Date.now() + numberOf('minutes', values.minutes) * 60_000,
    verbose: values.verbose,
  };
  if (values.failpoints) return { options, mode: { kind: 'failpoints', times: numberOf('times', values.times), only } };
  return { options, mode: values['self-test'] ? { kind: 'self-test', only } : { kind: 'rounds' } };
}

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (text === '' || !Number.isFinite(number) || number < 0) throw new Error(`--${name} must be a number, not ${text}`);
  return number;
}

function oneOf<T extends string>(name: string, text: string, all: readonly T[]): T {
  const found = all.find((one) => one === text);
  if (found === undefined) throw new Error(`--${name} must be one of ${all.join(', ')}, not ${text}`);
  return found;
}
