/** What travels between the main thread and the record thread. Records are flat arrays, as in messages.ts. */
import type { LogLevel } from '../../../sandbox/protocol.ts';
import type { LogQuery, LogRecord, MinuteRecord, TickOutcome, TickRecord, WorkerId } from '../contracts.ts';

export type RecordCell = string | number | null;

export type RecordQuestion =
  | { readonly kind: 'ticks'; readonly worker: WorkerId; readonly limit: number }
  | { readonly kind: 'minutes'; readonly worker: WorkerId; readonly limit: number }
  | { readonly kind: 'logs'; readonly query: LogQuery }
  | { readonly kind: 'forget'; readonly worker: WorkerId }
  | { readonly kind: 'flush' };

export type RecordRequest =
  | { readonly kind: 'append'; readonly ticks: readonly RecordCell[]; readonly logs: readonly RecordCell[] }
  | { readonly kind: 'ask'; readonly id: number; readonly question: RecordQuestion }
  | { readonly kind: 'close' };

export type RecordAnswer = readonly TickRecord[] | readonly MinuteRecord[] | readonly LogRecord[] | null;

export type RecordReply =
  | { readonly kind: 'appended'; readonly error: string | null }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: RecordAnswer }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };

/** Numbers on disk are positions in these lists: append only. */
export const FUNCTIONS: readonly TickRecord['fn'][] = ['setup', 'tick'];
export const OUTCOMES: readonly TickOutcome[] = ['ok', 'error', 'timeout', 'memory', 'cell-lost', 'cancelled', 'cpu'];
export const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export const TICK_CELLS = 12;
export const LOG_CELLS = 6;

export function packTick(cells: RecordCell[], record: TickRecord): void {
  cells.push(
    record.worker,
    record.tick,
    FUNCTIONS.indexOf(record.fn),
    OUTCOMES.indexOf(record.outcome),
    record.dueAt,
    record.startedAt,
    record.durationMs,
    record.cpuMs,
    record.latenessMs,
    record.skipped,
    record.errorCode,
    record.errorMessage,
  );
}

export function packLog(cells: RecordCell[], record: LogRecord): void {
  cells.push(record.worker, record.at, LEVELS.indexOf(record.level), record.tick, record.text, record.fields);
}
