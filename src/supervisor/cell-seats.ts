/** What the pool keeps of a cell and of each worker in it, and what it learns about them from what the cell says. */
import type { Backend, FromCell, Inside } from '../../sandbox/protocol.ts';
import type { RuntimeError } from '../core/errors.ts';
import type { CellLoss } from './cell-loss.ts';
import type { CellProcess } from './cell-process.ts';
import type { GuestThreads } from './guest-threads.ts';

export type CellPurpose = 'shared' | 'dedicated' | 'probation';

export type SandboxMessage = Extract<FromCell, { readonly incarnation: number }>;

export interface SandboxListener {
  onMessage(message: SandboxMessage): void;
  /** The cell's pipe is at its end; nothing will follow. */
  onLost(loss: CellLoss): void;
  /** Its cell is to be replaced: it should move when that suits it. */
  onRetire?(): void;
}

export interface Seat {
  readonly sandbox: number;
  readonly incarnation: number;
  readonly listener: SandboxListener;
  /** What it may keep before that counts as growth of its cell. */
  readonly allowanceBytes: number;
  readonly killedBefore: boolean;
  /** Its load was sent; before that a lost cell is a failed placement, not a loss. */
  placed: boolean;
  running: boolean;
  /** {@link Cell.measures} when it was last heard of. */
  ranAt: number;
  /** Processor time of its runs since memory was last measured, ms. */
  usedMs: number;
  named: CellLoss['cause'] | null;
}

export interface Cell {
  readonly process: CellProcess;
  readonly workspace: string;
  readonly backend: Backend;
  readonly purpose: CellPurpose;
  readonly seats: Map<number, Seat>;
  readonly ready: Promise<void>;
  settleReady: (error: RuntimeError | null) => void;
  isReady: boolean;
  /** Monotonic; null before. */
  readyAt: number | null;
  /** Ended so far. */
  runs: number;
  /** What its limits of age are multiplied with. */
  readonly jitter: number;
  /** Why it takes no more workers; null while it does. */
  retiring: string | null;
  readonly threads: GuestThreads;
  lastSeat: number;
  allowanceBytes: number;
  /** The most that its workers were allowed at once: memory that they gave back is not returned to the system at once. */
  peakAllowanceBytes: number;
  /** How often its memory was measured and found to be within its budget. */
  measures: number;
  baseRss: number;
  rssBytes: number;
  idleTimer: NodeJS.Timeout | null;
  ending: boolean;
  messages: number;
  /** What a culprit that no report names has done. */
  cause: CellLoss['cause'];
  /** The cell itself failed, whoever ran in it. */
  blameless: boolean;
}

/** Whether it runs, and that it ran. */
export function noteMessage(cell: Cell, seat: Seat, message: SandboxMessage): void {
  const { kind } = message;
  if (kind === 'unloaded') return;
  if (seat.ranAt !== cell.measures) seat.usedMs = 0;
  seat.ranAt = cell.measures;
  if (kind === 'ended') {
    cell.runs += 1;
    seat.usedMs += message.cpuMs;
  }
  if (kind !== 'stream') seat.running = kind === 'started';
}

/** What it said last is better than what its messages said: those may have been on their way. */
export function noteInside(cell: Cell, inside: readonly Inside[]): void {
  for (const seat of cell.seats.values()) {
    if (seat.running) seat.ranAt = cell.measures;
    seat.running = false;
  }
  for (const { sandbox, incarnation, busyMs } of inside) {
    const seat = cell.seats.get(sandbox);
    if (seat?.incarnation !== incarnation) continue;
    seat.running = true;
    if (seat.ranAt !== cell.measures) seat.usedMs = 0;
    if (Number.isFinite(busyMs)) seat.usedMs += busyMs;
  }
}

/** A guest in it has run for a while without a pause. */
export function hasLongRun(cell: Cell): boolean {
  for (const { running } of cell.seats.values()) if (running) return true;
  return false;
}

/** Now or since memory was last measured. */
export const ranLately = (cell: Cell, seat: Seat): boolean => seat.running || seat.ranAt === cell.measures;
