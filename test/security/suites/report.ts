/** What a run of a suite came to, in lines for a person, and what of it must not be. */
import type { CanaryCount } from './child.ts';
import { ENDS, type Verdict } from './program.ts';
import type { Results } from './results.ts';

export interface Summary {
  readonly lines: readonly string[];
  /** Any of them fails the run. */
  readonly violations: readonly string[];
}

/** Share of the baseline's passes that a worker may fall short of. */
const SHORT_MAX = 0.005;
const LISTED_MAX = 60;
const DEPTH = 2;

export function summarize(ids: readonly string[], results: Results, canary: CanaryCount): Summary {
  const verdicts = ids.flatMap((id) => results.verdicts.get(id) ?? []);
  const reached = verdicts.filter((verdict) => verdict.reached.length > 0);
  const dead = verdicts.filter(({ end }) => end === 'cell-death');
  const never = verdicts.filter(({ end }) => end === 'never');
  return {
    lines: [
      ...tableOf(verdicts),
      `node deaths: ${results.nodeDeaths.length}`,
      `programs that reached a host capability: ${reached.length}; canaries touched: ${results.touched.length}`,
      `cells lost: ${results.cellDeaths.length}; charged with it: ${dead.length}`,
      ...listed(dead.map(({ id, detail }) => `  ${id}: ${detail}`)),
      ...listed(results.cellDeaths.map(({ reason, running }) => `  "${reason}" while ${running.join(', ')}`)),
      ...endsWorthANote(verdicts),
      `canary of another workspace: ${canary.ticks} ticks, ${canary.errors} that were not ok`,
    ],
    violations: [
      ...results.nodeDeaths.map(({ how, running }) => `the node ended (${how}) while ${running.join(', ')}`),
      ...reached.map((verdict) => `${verdict.id} reached ${verdict.reached.join('; ')}`),
      ...results.touched,
      ...never.map(({ id, detail }) => `${id}: ${detail}`),
      ...(canary.errors > 0 ? [`a worker of another workspace had ${canary.errors} ticks that were not ok`] : []),
    ],
  };
}

/** A worker against isolated-vm alone, program for program. */
export function compare(ids: readonly string[], worker: Results, bare: Results): Summary {
  const passes = (results: Results, id: string): boolean => results.verdicts.get(id)?.end === 'pass';
  const both = ids.filter((id) => worker.verdicts.has(id) && bare.verdicts.has(id));
  const lost = both.filter((id) => !passes(worker, id) && passes(bare, id));
  const won = both.filter((id) => passes(worker, id) && !passes(bare, id));
  const [ours, theirs] = [worker, bare].map((results) => both.filter((id) => passes(results, id)).length) as [
    number,
    number,
  ];
  const short = theirs === 0 ? 0 : (theirs - ours) / theirs;
  return {
    lines: [
      `against isolated-vm alone: ${ours} of ${both.length} pass as workers, ${theirs} without (${(-short * 100).toFixed(2)} %)`,
      `pass only without: ${lost.length}, by folder ${JSON.stringify(countBy(lost.map((id) => folderOf(id, DEPTH + 1))))}`,
      ...listed(lost.map((id) => `  ${id}: ${worker.verdicts.get(id)?.end} ${worker.verdicts.get(id)?.detail}`)),
      `pass only as workers: ${won.length}`,
      `processes of the baseline that ended: ${bare.nodeDeaths.length}`,
      ...listed(bare.nodeDeaths.map(({ how, running }) => `  ${how.slice(0, 200)} while ${running.join(', ')}`)),
    ],
    violations: short > SHORT_MAX ? [`workers pass ${(short * 100).toFixed(2)} % less than isolated-vm alone`] : [],
  };
}

function tableOf(verdicts: readonly Verdict[]): string[] {
  const folders = Map.groupBy(verdicts, ({ id }) => folderOf(id, DEPTH));
  const row = (name: string, of: readonly Verdict[]): string => {
    const counts = countBy(of.map(({ end }) => end));
    return `${name}: ${ENDS.flatMap((end) => (counts[end] === undefined ? [] : `${counts[end]} ${end}`)).join(', ')}`;
  };
  return [
    ...[...folders].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, of]) => row(`  ${name}`, of)),
    row(`all ${verdicts.length}`, verdicts),
  ];
}

function endsWorthANote(verdicts: readonly Verdict[]): string[] {
  return (['timeout', 'memory', 'never', 'node-death'] as const).flatMap((wanted) => {
    const found = verdicts.filter(({ end }) => end === wanted);
    return found.length === 0 ? [] : [`${wanted}: ${found.length}`, ...listed(found.map(({ id }) => `  ${id}`))];
  });
}

function folderOf(id: string, depth: number): string {
  const parts = id.split('/');
  return parts.slice(0, Math.min(depth, parts.length - 1)).join('/');
}

function countBy(keys: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}

function listed(lines: readonly string[]): string[] {
  const more = lines.length - LISTED_MAX;
  return more > 0 ? [...lines.slice(0, LISTED_MAX), `  … and ${more} more (see the results)`] : [...lines];
}
