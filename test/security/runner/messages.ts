/** What the runner and its node say to each other. Everything is plain data: it crosses a process. */

export interface CaseOrder {
  readonly name: string;
  readonly workspace: string;
  readonly file: string;
  readonly code: string;
  /** Null: the default of the engine. */
  readonly timeoutMs: number | null;
  readonly onErrorTimeoutMs: number | null;
  readonly memoryBytes: number | null;
  readonly maxErrors: number;
  readonly ticks: number;
  readonly intervalMs: number;
  readonly isolation: 'shared' | 'dedicated';
  /** It is ended, and that it had to be is its result. */
  readonly giveUpMs: number;
}

/** How a case went, as the node saw it. */
export interface CaseOutcome {
  /** `ok`, an outcome with its code, `invalid`, `load`, `CODE_INVALID`, or `none` when it had to be given up. */
  readonly end: string;
  /** Every code that was told of it, and whether each is in the table of errors. */
  readonly codes: readonly string[];
  readonly unknownCodes: readonly string[];
  /** Characters of the longest message without its stack, and with it. */
  readonly messageChars: number;
  readonly textChars: number;
  /** By how much the longest of its calls, or its loading, outlived its limit until its end was stored; and which it was. */
  readonly overrunMs: number;
  readonly overrunIn: string;
  /** Of the last call, for the report. */
  readonly message: string;
  /** What it, or its log, could read of the host. */
  readonly leaks: readonly string[];
  readonly before: unknown;
  readonly found: unknown;
  readonly stateReadable: boolean;
  readonly logLines: number;
  readonly longestLine: number;
}

export interface Resources {
  readonly pid: number;
  /** Of `process.getActiveResourcesInfo()`: name → count. */
  readonly active: Readonly<Record<string, number>>;
  readonly cells: readonly number[];
  readonly workers: readonly string[];
  /** Longest work of the event loop without a turn, ms of its thread's own time, since the node began to watch. */
  readonly busiestMs: number;
  /** Errors that the engine said about itself. */
  readonly broken: readonly string[];
  /** Names that were found on a prototype of the node. */
  readonly polluted: readonly string[];
}

export type Ask =
  | { readonly kind: 'ping' }
  | { readonly kind: 'case'; readonly order: CaseOrder }
  /** Removes the worker of the case, which still stands there when the case was answered. */
  | { readonly kind: 'remove'; readonly worker: string }
  | { readonly kind: 'look' }
  | { readonly kind: 'neighbours'; readonly workspace: string; readonly add: boolean }
  | { readonly kind: 'stop' };

export interface Request {
  readonly id: number;
  readonly ask: Ask;
}

export interface CellTold {
  readonly kind: 'cell';
  readonly pid: number;
  readonly event: 'started' | 'ready' | 'ended' | 'lost';
  readonly workspace: string;
  readonly backend: 'isolate' | 'pyodide';
  readonly reason: string | null;
}

/** A tick of a worker that must not notice anything. */
export interface TickTold {
  readonly kind: 'tick';
  readonly worker: string;
  readonly tick: number;
  readonly outcome: string;
  readonly errorCode: string | null;
  readonly latenessMs: number;
  readonly skipped: number;
}

export interface RecoveredTold {
  readonly kind: 'recovered';
  readonly worker: string;
  readonly ms: number;
}

export type Told =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown; readonly error: string | null }
  | CellTold
  | TickTold
  | RecoveredTold;

export const CANARY_WORKSPACE = 'canary';
export const CANARIES = ['js-1', 'js-2', 'js-3', 'py-1', 'py-2'] as const;
export const CANARY_INTERVAL_MS = 1_000;
