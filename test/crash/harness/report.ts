/** What the harness prints. */
import { loadavg } from 'node:os';
import type { HarnessOptions } from './options.ts';
import type { Violation } from './oracle.ts';
import type { Round } from './rounds.ts';
import type { World } from './world.ts';

export interface Report {
  readonly options: HarnessOptions;
  readonly rounds: readonly Round[];
  readonly ticks: number;
  readonly commits: number;
  readonly orders: number;
  readonly permittedLosses: number;
  /** Of the machine, at the end: a busy one recovers slowly. */
  readonly load: number;
  readonly violations: readonly Violation[];
  /** What the nodes said last, where something went wrong. */
  readonly lines: readonly string[];
}

export async function reportOf(world: World, rounds: readonly Round[]): Promise<Report> {
  const { oracle, options } = world;
  return {
    options,
    rounds,
    ticks: oracle.ticks,
    commits: oracle.commits,
    orders: (await world.symbols()).length,
    permittedLosses: oracle.permittedLosses,
    load: loadavg()[1] ?? 0,
    violations: [...oracle.violations],
    lines: oracle.violations.length === 0 ? [] : world.nodes.flatMap(({ lines }) => lines).sort(),
  };
}

export function describeSetup({ setup, ack, appendonly, plant, seed }: HarnessOptions): string {
  const redis = setup === 'redis+postgres' ? `, ack ${ack}, appendonly ${appendonly}` : '';
  return `${setup}${redis}, seed ${seed}${plant === null ? '' : `, planted: ${plant}`}`;
}

export function printed(report: Report): string {
  const { options, rounds, violations } = report;
  const kinds = new Map<string, number>();
  for (const fault of rounds.flatMap(({ faults }) => faults)) kinds.set(fault, (kinds.get(fault) ?? 0) + 1);
  const faults = [...kinds.values()].reduce((sum, count) => sum + count, 0);
  const recovery = rounds.flatMap(({ recoveryMs }) => recoveryMs ?? []).sort((a, b) => a - b);
  const at = (share: number): string =>
    `${recovery[Math.min(recovery.length - 1, Math.floor(recovery.length * share))] ?? '-'} ms`;
  return [
    `${describeSetup(options)}: ${rounds.length} rounds, ${faults} faults, ${violations.length} violations`,
    ...[...kinds].sort(([, a], [, b]) => b - a).map(([name, count]) => `  ${String(count).padStart(4)} × ${name}`),
    `  ${report.ticks} ticks and ${report.commits} commits acknowledged, ${report.orders} orders placed; ${report.permittedLosses} counts lost where the promise leaves it open`,
    `  every worker ticks again after: p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)} (load of the machine ${report.load.toFixed(1)})`,
    ...describeViolations(report),
  ].join('\n');
}

const VIOLATIONS_SHOWN = 10;

function describeViolations({ violations, rounds, options, lines }: Report): readonly string[] {
  if (violations.length === 0) return [];
  const last = rounds.at(-1);
  return [
    `VIOLATED in round ${last?.index} (${last?.faults.join(', then ')}); again with --seed ${options.seed}`,
    ...violations
      .slice(0, VIOLATIONS_SHOWN)
      .flatMap(({ rule, worker, expected, found }) => [
        `  ${rule}: ${worker}`,
        `    expected ${expected}`,
        `    found    ${found}`,
      ]),
    ...lines.map((line) => `  | ${line}`),
  ];
}
