/** One program of a public suite on its way through a process that runs it, and what became of it. */
import type { Negative } from './test262-plan.ts';

export interface Program {
  /** File within the suite, and which of its programs. */
  readonly id: string;
  readonly suite: 'test262' | 'vm2';
  readonly source: string;
  /** Paths of files that are evaluated before it. */
  readonly harness: readonly string[];
  readonly strict: boolean;
  readonly isAsync: boolean;
  readonly negative: Negative | null;
  /** Names that the program expects from its host; it gets what a worker has instead. */
  readonly stubs: readonly string[];
  readonly timeoutMs: number;
}

/**
 * `pass`, `fail`: of test262. `returned`, `threw`: of vm2. `cell-death`: charged with the loss of its cell. `node-death`: the
 * process of the engine ended while it ran alone. `never`: the engine never said that it had ended.
 */
export const ENDS = [
  'pass',
  'fail',
  'returned',
  'threw',
  'timeout',
  'memory',
  'cell-death',
  'node-death',
  'never',
] as const;
export type End = (typeof ENDS)[number];

export interface Verdict {
  readonly id: string;
  readonly end: End;
  readonly detail: string;
  /** Host capabilities that it got hold of. */
  readonly reached: readonly string[];
}

/** A cell that was lost, and whose programs were in flight. */
export interface CellDeath {
  readonly reason: string;
  readonly running: readonly string[];
}

/** What program.guest.js reports. */
export interface GuestReport {
  readonly end: 'pass' | 'fail' | 'returned' | 'threw';
  readonly detail: string;
  readonly reached: readonly string[];
}

export type ToChild =
  | { readonly kind: 'run'; readonly program: Program }
  | { readonly kind: 'ping' }
  | { readonly kind: 'stop' };

export type FromChild =
  | { readonly kind: 'ready' }
  | { readonly kind: 'pong'; readonly canaryTicks: number; readonly canaryErrors: number }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'cell-death'; readonly death: CellDeath };

export const DETAIL_CHARS = 300;
