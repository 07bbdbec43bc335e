/** The memory of every cell, read from outside many times a second, against the budget that the node holds it to. */
import { readFileSync } from 'node:fs';
import { isRunning } from '../../support/process-tree.ts';
import type { CellTold } from './messages.ts';
import { rssOf } from './proc.ts';

const SAMPLE_MS = 50;
const MiB = 1_048_576;
/** INV-12: a limit may be exceeded by so much, or for so long. */
export const OVER_SHARE_MAX = 0.25;
export const OVER_MS_MAX = 500;
/** What one resident worker may cost a cell before it counts as growth, as in src/supervisor/cell-pool.ts. */
const PER_WORKER = { isolate: 4 * MiB, pyodide: 160 * MiB } as const;

export interface CellSeen {
  readonly pid: number;
  readonly workspace: string;
  readonly backend: 'isolate' | 'pyodide';
  readonly startedAt: number;
  baseBytes: number;
  rssBytes: number;
  peakBytes: number;
  /** The worst over its budget. */
  overBytes: number;
  overSince: number | null;
  overMs: number;
  budgetBytes: number;
  gone: boolean;
}

export class CellWatch {
  /** Those that ever were, by pid. */
  readonly #cells = new Map<number, CellSeen>();
  readonly #timer = setInterval(() => this.#sample(), SAMPLE_MS);
  readonly #growthBytes: number;
  /** Workspace → what its cells may use beyond growth: workers, and limits that were raised. */
  readonly #allowances = new Map<string, { readonly workers: number; readonly raisedBytes: number }>();
  peakBytes = 0;

  constructor(growthBytes: number) {
    this.#growthBytes = growthBytes;
  }

  allow(workspace: string, workers: number, raisedBytes: number): void {
    this.#allowances.set(workspace, { workers, raisedBytes });
  }

  onCell({ pid, event, workspace, backend }: CellTold): void {
    if (event === 'started') {
      this.#cells.set(pid, {
        pid,
        workspace,
        backend,
        startedAt: performance.now(),
        baseBytes: 0,
        rssBytes: 0,
        peakBytes: 0,
        overBytes: 0,
        overSince: null,
        overMs: 0,
        budgetBytes: 0,
        gone: false,
      });
      return;
    }
    const cell = this.#cells.get(pid);
    if (cell === undefined) return;
    if (event === 'ready') cell.baseBytes = rssOf(pid);
    else this.#forget(cell);
  }

  /** Those of a workspace that were there at some time since then. */
  since(workspace: string, at: number): readonly CellSeen[] {
    return [...this.#cells.values()].filter(
      (cell) => cell.workspace === workspace && (!cell.gone || cell.startedAt >= at || cell.overMs > 0),
    );
  }

  living(workspace: string): readonly CellSeen[] {
    return [...this.#cells.values()].filter((cell) => cell.workspace === workspace && !cell.gone);
  }

  /** Cells that the node gave up and that still run. */
  survivors(): readonly number[] {
    return [...this.#cells.values()].filter(({ gone, pid }) => gone && isCell(pid)).map(({ pid }) => pid);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #forget(cell: CellSeen): void {
    this.#endOver(cell);
    cell.gone = true;
  }

  #endOver(cell: CellSeen): void {
    if (cell.overSince === null) return;
    cell.overMs = Math.max(cell.overMs, performance.now() - cell.overSince);
    cell.overSince = null;
  }

  #sample(): void {
    for (const cell of this.#cells.values()) {
      if (cell.gone) continue;
      const rss = rssOf(cell.pid);
      cell.rssBytes = rss;
      cell.peakBytes = Math.max(cell.peakBytes, rss);
      this.peakBytes = Math.max(this.peakBytes, rss);
      if (cell.baseBytes === 0) continue;
      const { workers = 1, raisedBytes = 0 } = this.#allowances.get(cell.workspace) ?? {};
      const budget = cell.baseBytes + this.#growthBytes + workers * PER_WORKER[cell.backend] + raisedBytes;
      cell.budgetBytes = Math.max(cell.budgetBytes, budget);
      cell.overBytes = Math.max(cell.overBytes, rss - cell.budgetBytes);
      if (rss <= cell.budgetBytes) this.#endOver(cell);
      else {
        cell.overSince ??= performance.now();
        cell.overMs = Math.max(cell.overMs, performance.now() - cell.overSince);
      }
    }
  }
}

function isCell(pid: number): boolean {
  try {
    return isRunning(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('sandbox/cell/main');
  } catch {
    return false;
  }
}
