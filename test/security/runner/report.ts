/** What the runner prints. */
import { percentile } from './canary-watch.ts';
import { type CaseFacts, mib, type RunFacts } from './judge.ts';
import type { LoadUsed } from './load.ts';
import type { RunOptions } from './options.ts';

export interface CaseResult {
  readonly file: string;
  readonly workspace: string;
  readonly facts: CaseFacts;
  readonly violations: readonly string[];
}

export interface Report {
  readonly options: RunOptions;
  readonly results: readonly CaseResult[];
  readonly facts: RunFacts;
  readonly load: LoadUsed;
  readonly worstPingMs: number;
  readonly peakCellBytes: number;
  readonly durationMs: number;
  /** Of the run as a whole; those of the cases stand with them. */
  readonly violations: readonly string[];
  readonly lines: readonly string[];
}

export function allViolations({ results, violations }: Report): readonly string[] {
  return [...results.flatMap(({ file, violations: of }) => of.map((what) => `${file}: ${what}`)), ...violations];
}

export function caseLine({ file, facts, violations }: CaseResult): string {
  const { outcome, durationMs, pingMs, keptBytes, cells } = facts;
  const peak = Math.max(0, ...cells.map(({ peakBytes }) => peakBytes));
  const head = `${violations.length === 0 ? 'ok  ' : 'BAD '} ${file.padEnd(32)} ${(outcome?.end ?? '-').padEnd(24)}`;
  const figures = `${ms(durationMs).padStart(9)}  ping ${ms(pingMs)}  peak ${mib(peak)}  kept ${mib(keptBytes)}`;
  return [`${head}${figures}`, ...violations.map((what) => `       ${what}`)].join('\n');
}

export function printed(report: Report): string {
  const { options, results, facts, load } = report;
  const lateness = facts.beats.map(({ latenessMs }) => latenessMs);
  const quiet = facts.beats.filter(({ busy }) => !busy).map(({ latenessMs }) => latenessMs);
  const violations = allViolations(report);
  const worst = (of: (result: CaseResult) => number): string => {
    const sorted = results.toSorted((a, b) => of(b) - of(a)).slice(0, 3);
    return sorted.map((result) => `${result.file} ${Math.round(of(result))}`).join(', ');
  };
  const three = (values: readonly number[]): string =>
    `p50 ${ms(percentile(values, 0.5))}, p99 ${ms(percentile(values, 0.99))}, max ${ms(percentile(values, 1))}`;
  return [
    '',
    `${new Set(results.map(({ file }) => file)).size} cases, ${results.length} runs in ${ms(report.durationMs)}, ${options.lanes} at a time, ${options.realLimits ? 'real' : 'short'} limits`,
    `ping: worst ${ms(report.worstPingMs)}; the node's longest work without a turn of its loop ${ms(facts.after.busiestMs)}`,
    `canaries: ${lateness.length} ticks, lateness ${three(lateness)}`,
    `  of them ${quiet.length} while no other program had the machine: ${three(quiet)}`,
    `neighbours: ${facts.neighbours.length} ticks, ${facts.recoveries.length} times back after a lost cell, ${three(facts.recoveries)}`,
    `cells: peak ${mib(report.peakCellBytes)}`,
    `beyond their limit by the most (ms): ${worst(({ facts: of }) => Math.max(0, of.outcome?.overrunMs ?? 0))}`,
    `above their budget for the longest (ms): ${worst(({ facts: of }) => Math.max(0, ...of.cells.map(({ overMs }) => overMs)))}`,
    `machine: ${percent(load.oursShare)} for this run, ${percent(load.othersShare)} for other programs; the node used ${percent(load.nodeShare)} of a processor and waited for one ${percent(load.delayedShare)} of the time`,
    `descriptors ${facts.descriptorsBefore} → ${facts.descriptorsAfter}, timers ${facts.before.active['Timeout'] ?? 0} → ${facts.after.active['Timeout'] ?? 0}`,
    `violations: ${violations.length}`,
    ...violations.map((what) => `  ${what}`),
    ...(violations.length === 0 ? [] : report.lines.map((line) => `  | ${line}`)),
  ].join('\n');
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const ms = (value: number): string => (value >= 10_000 ? `${(value / 1_000).toFixed(1)} s` : `${Math.round(value)} ms`);
