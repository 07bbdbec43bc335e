/** What of a case, and of a whole run, is a violation. Pure: the watches say what they saw. */
import {
  ERROR_MESSAGE_CHARS_MAX,
  ERROR_STACK_CHARS_MAX,
  LOG_LINE_CHARS_MAX,
  LOG_LINES_PER_10S,
} from '../../../src/core/limits.ts';
import type { Attack } from '../../support/attack.ts';
import { type Beat, missed, percentile } from './canary-watch.ts';
import { type CellSeen, OVER_MS_MAX, OVER_SHARE_MAX } from './cell-watch.ts';
import type { CaseOutcome, Resources, TickTold } from './messages.ts';

export const PING_MS_MAX = 1_000;
export const LATENESS_P99_MS_MAX = 250;
/**
 * Of a single tick while a case runs. The slot of a canary must not be skipped, which its interval of 1 s decides; this bound only says
 * which case was near to it.
 */
export const LATENESS_MS_MAX = 900;
/** Longest work of the node's own thread without a turn of its loop, by its processor time: what else runs here does not count. */
export const BUSIEST_MS_MAX = 250;
/** From the loss of its cell until an innocent neighbour waits for its next tick again. */
export const RECOVERY_P50_MS_MAX = 2_000;
export const DESCRIPTORS_MAX = 5;
/** Of fewer a percentile is their maximum, which has its own bound. */
const QUIET_TICKS_MIN = 100;
/** Where other programs have the machine, what its clock says is judged by so much more room. */
const BUSY_FACTOR = 3;
const NAME_CHARS_MAX = 128;
/** `2 errors in a row; the last:` and the like. */
const WORDS_CHARS = 128;
const MiB = 1_048_576;

export interface CaseFacts {
  readonly nodeExit: string | null;
  readonly outcome: CaseOutcome | null;
  readonly durationMs: number;
  /** Other programs had the machine meanwhile. */
  readonly busy: boolean;
  readonly pingMs: number;
  readonly beats: readonly Beat[];
  readonly cells: readonly CellSeen[];
  readonly spawned: number;
  /** What the cells that still live hold above their start when the worker is gone, and had time to give it back. */
  readonly keptBytes: number;
  readonly idleCpuMs: number | null;
}

export function violationsOf(attack: Attack, facts: CaseFacts): readonly string[] {
  const { nodeExit, outcome, pingMs, beats, cells, busy } = facts;
  const room = busy ? BUSY_FACTOR : 1;
  const wrong: string[] = [];
  const must = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what);
  };
  must(nodeExit === null, `the node ended: ${nodeExit}`);
  must(pingMs <= PING_MS_MAX * room, `the node answered after ${round(pingMs)} ms`);
  wrong.push(...missed(beats));
  const late = Math.max(0, ...beats.filter((beat) => !beat.busy).map(({ latenessMs }) => latenessMs));
  must(late <= LATENESS_MS_MAX, `a canary was ${round(late)} ms late`);
  for (const cell of cells) wrong.push(...overBudget(cell));
  must(
    facts.keptBytes <= attack.keepsMiB * MiB,
    `its cell kept ${mib(facts.keptBytes)}, ${attack.keepsMiB} MiB are allowed`,
  );
  if (attack.spawnsMax !== null)
    must(facts.spawned <= attack.spawnsMax, `${facts.spawned} cells were started, ${attack.spawnsMax} are allowed`);
  if (attack.idleCpuMs !== null && outcome?.end === 'ok')
    must(
      facts.idleCpuMs !== null && facts.idleCpuMs <= attack.idleCpuMs,
      `between its ticks its cell used ${facts.idleCpuMs === null ? 'nobody knows how many' : round(facts.idleCpuMs)} ms of a processor`,
    );
  if (outcome === null) wrong.push('the node said nothing about it');
  else wrong.push(...outcomeViolations(attack, outcome, facts.durationMs, room));
  return wrong;
}

function outcomeViolations(attack: Attack, outcome: CaseOutcome, durationMs: number, room: number): readonly string[] {
  const wrong: string[] = [];
  const must = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what);
  };
  const { end, overrunMs, messageChars, textChars, longestLine, logLines } = outcome;
  must(
    attack.expect.includes(end),
    `it ended as "${end}", expected ${attack.expect.join(' or ')}: ${outcome.message.slice(0, 200)}`,
  );
  must(outcome.unknownCodes.length === 0, `codes that no table has: ${outcome.unknownCodes.join(', ')}`);
  must(overrunMs <= attack.endsWithinMs * room, `${outcome.overrunIn} ended ${round(overrunMs)} ms after its limit`);
  must(
    attack.ownStack || messageChars <= ERROR_MESSAGE_CHARS_MAX + WORDS_CHARS,
    `a message of ${messageChars} characters without its stack`,
  );
  must(
    textChars <= NAME_CHARS_MAX + ERROR_MESSAGE_CHARS_MAX + ERROR_STACK_CHARS_MAX + WORDS_CHARS,
    `a message of ${textChars} characters with its stack`,
  );
  must(longestLine <= LOG_LINE_CHARS_MAX + WORDS_CHARS, `a log line of ${longestLine} characters`);
  const lines = attack.logsMax ?? LOG_LINES_PER_10S * (Math.ceil(durationMs / 10_000) + 1) + 10;
  must(logLines <= lines, `${logLines} log lines, ${lines} are allowed`);
  for (const leak of outcome.leaks) wrong.push(`it has ${leak}`);
  must(outcome.stateReadable, 'its state cannot be read');
  if (end !== 'CODE_INVALID' && attack.writesState)
    must(
      outcome.before === 'kept',
      `its last committed state is not intact: before is ${JSON.stringify(outcome.before)}`,
    );
  const { found } = outcome;
  must(
    found === undefined || (Array.isArray(found) && found.length === 0),
    `it got hold of ${JSON.stringify(found)?.slice(0, 500)}`,
  );
  return wrong;
}

/** INV-12: above its limit by no more than a quarter, or for no longer than half a second. */
function overBudget({ pid, overBytes, overMs, budgetBytes }: CellSeen): readonly string[] {
  const far = overBytes > budgetBytes * OVER_SHARE_MAX;
  if (!far && overMs <= OVER_MS_MAX) return [];
  return [
    `cell ${pid} was above its budget of ${mib(budgetBytes)} by up to ${mib(overBytes)}, for ${round(overMs)} ms`,
  ];
}

export interface RunFacts {
  readonly nodeExit: string | null;
  readonly beats: readonly Beat[];
  readonly neighbours: readonly TickTold[];
  readonly recoveries: readonly number[];
  /** Other programs had the machine, taken over the whole run. */
  readonly busy: boolean;
  readonly before: Resources;
  readonly after: Resources;
  readonly descriptorsBefore: number;
  readonly descriptorsAfter: number;
  /** Processes of the node that no cell of its status explains. */
  readonly orphans: readonly string[];
  /** How the node ended when it was told to. */
  readonly stopped: string;
  readonly leftAfterStop: readonly string[];
}

export function runViolationsOf(facts: RunFacts): readonly string[] {
  const { beats, before, after } = facts;
  const wrong = [...missed(beats)];
  const must = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what);
  };
  must(facts.nodeExit === null, `the node ended: ${facts.nodeExit}`);
  must(after.pid === before.pid, `the node is another process: ${before.pid}, then ${after.pid}`);
  const quiet = beats.filter(({ busy }) => !busy).map(({ latenessMs }) => latenessMs);
  const lateness = percentile(quiet, 0.99);
  if (quiet.length >= QUIET_TICKS_MIN)
    must(lateness <= LATENESS_P99_MS_MAX, `lateness of the canaries: p99 ${round(lateness)} ms`);
  must(after.busiestMs <= BUSIEST_MS_MAX, `the node worked ${round(after.busiestMs)} ms without a turn of its loop`);
  // The last tick of a neighbour that is removed at the end may be cut.
  for (const { worker, outcome, errorCode } of facts.neighbours)
    if (outcome !== 'ok' && errorCode !== 'CELL_LOST' && errorCode !== 'STOPPED')
      wrong.push(`${worker} was charged: ${outcome} ${errorCode}`);
  const recovery = percentile(facts.recoveries, 0.5);
  const room = facts.busy ? BUSY_FACTOR : 1;
  must(recovery <= RECOVERY_P50_MS_MAX * room, `neighbours were back after ${round(recovery)} ms (p50)`);
  // The probe's own mistake is told to the operator, and to nobody else.
  for (const line of after.broken)
    if (!line.includes('a mistake of the host')) wrong.push(`the engine said: ${line.slice(0, 300)}`);
  for (const name of after.polluted) wrong.push(`a prototype of the node was changed: ${name}`);
  for (const orphan of facts.orphans) wrong.push(`left behind: ${orphan}`);
  must(
    after.workers.length === before.workers.length,
    `workers that are still there: ${after.workers.filter((name) => !before.workers.includes(name)).join(', ')}`,
  );
  const descriptors = facts.descriptorsAfter - facts.descriptorsBefore;
  must(Math.abs(descriptors) <= DESCRIPTORS_MAX, `${descriptors} file descriptors more than before`);
  const timers = (after.active['Timeout'] ?? 0) - (before.active['Timeout'] ?? 0);
  must(timers <= 0, `${timers} timers more than before`);
  must(facts.stopped === 'exit code 0', `told to stop, the node ended with ${facts.stopped}`);
  for (const left of facts.leftAfterStop) wrong.push(`left behind by the node: ${left}`);
  return wrong;
}

const round = (ms: number): number => Math.round(ms);
export const mib = (bytes: number): string => `${Math.round(bytes / MiB)} MiB`;
