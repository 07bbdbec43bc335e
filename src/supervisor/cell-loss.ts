/** Who answers for a cell that died. Pure: the pool says what it saw, each worker of the cell is told its part. */
import type { CellPurpose } from './cell-seats.ts';

/** Why a sandbox was lost with its cell. */
export interface CellLoss {
  readonly reason: string;
  /** It was running when the cell died, or a report named it. */
  readonly suspect: boolean;
  /** Nobody else can have done it: it died alone or was named. */
  readonly culprit: boolean;
  /** Of a culprit: what it did. */
  readonly cause: 'memory' | 'timeout' | 'crash';
  /** The system killed the process, perhaps because memory ran out. */
  readonly killed: boolean;
}

/** Who answers for a cell that is killed on purpose: this sandbox (and what for), whoever runs in it, or nobody. */
export type Blame = 'timeout' | 'crash' | 'suspects' | 'nobody';

/** One worker of the cell. */
export interface Occupant {
  /** By a report, or by what the node saw. */
  readonly named: CellLoss['cause'] | null;
  readonly running: boolean;
  /** Now or since memory was last measured. */
  readonly ranLately: boolean;
  /** Processor time meanwhile, ms. */
  readonly usedMs: number;
  /** {@link CellLoss.killed} of the loss that brought it into probation. */
  readonly killedBefore: boolean;
}

export interface CellDeath {
  readonly reason: string;
  readonly purpose: CellPurpose;
  /** What a culprit that nobody named has done. */
  readonly cause: CellLoss['cause'];
  /** The cell itself failed, whoever ran in it. */
  readonly blameless: boolean;
  /** Somebody else sent SIGKILL, which nothing inside a cell can do to it. */
  readonly fromOutside: boolean;
  /** The kernel killed something for memory at that time. */
  readonly oomKill: boolean;
}

/** Of the death of a cell that took too much memory. */
const SUSPECTS_MAX = 8;
const KILLED = 'the system killed the process, perhaps because memory ran out';

/** What each of them is told, in their order. */
export function lossesOf(death: CellDeath, occupants: readonly Occupant[]): readonly CellLoss[] {
  const { cause, fromOutside } = death;
  const named = occupants.some((one) => one.named !== null);
  // What grew in a run that is over by now was not there when memory was last measured.
  const greedy = cause === 'memory' ? busiest(occupants.filter((one) => one.ranLately)) : null;
  const ran = (one: Occupant): boolean => greedy?.has(one) ?? one.running;
  // Memory was taken over time, and a cell that hangs keeps what ended in it to itself: who runs when it is killed need
  // not be who did it, unless nobody else is there.
  const alone = (cause === 'crash' ? occupants.filter(ran) : occupants).length === 1;
  const killed = fromOutside && death.oomKill;
  const reason = killed ? KILLED : withoutPaths(death.reason);
  return occupants.map((one) => {
    const suspect = named ? one.named !== null : ran(one);
    // A signal from outside is nobody's fault, and the system may be short of memory through anybody's. Twice, alone, in a
    // cell of its own, is the worker's.
    const again = killed && death.purpose === 'probation' && one.killedBefore;
    const innocent = death.blameless || (fromOutside && !again);
    const culprit = one.named !== null || (suspect && alone && !innocent);
    return { reason, suspect, culprit, cause: one.named ?? cause, killed };
  });
}

/**
 * Memory is not taken without work. Where many ran, those that worked the most are looked at alone: a thousand cells of their own
 * for a thousand suspects would harm everybody. Who did it and is not among them will be at it again.
 */
function busiest(occupants: readonly Occupant[]): ReadonlySet<Occupant> {
  return new Set(occupants.toSorted((a, b) => b.usedMs - a.usedMs).slice(0, SUSPECTS_MAX));
}

/** SECURITY: workers are told why their cell was lost; what that says of the host stays with the operator. */
function withoutPaths(reason: string): string {
  const first = reason.split('\n', 1)[0] as string;
  return first.replaceAll(/(?:file:\/\/)?(?:\/|\b[A-Za-z]:\\)[^\s'"():]+/g, '…').slice(0, 500);
}
