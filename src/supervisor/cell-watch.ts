/** Looks at every cell from outside, ten times a second: its memory, its board, its threads, its age. */
import type { Cell } from './cell-seats.ts';
import { hasLongRun } from './cell-seats.ts';

export interface CellWatchOptions {
  readonly cells: ReadonlySet<Cell>;
  /** Growth allowed beyond the measured start and what each worker may keep. */
  readonly growthBytes: number;
  /** At each look. */
  readonly onLook: () => void;
  /** About once a second. */
  readonly onSecond: () => void;
}

const LOOK_MS = 100;
const LOOKS_PER_SECOND = 10;
const LOOKS_PER_THREADS = 5;

export class CellWatch {
  readonly #o: CellWatchOptions;
  #looks = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: CellWatchOptions) {
    this.#o = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #look(): void {
    this.#looks += 1;
    if (this.#looks % LOOKS_PER_SECOND === 0) this.#o.onSecond();
    this.#o.onLook();
    for (const cell of this.#o.cells) {
      cell.process.checkBoard();
      if (this.#looks % LOOKS_PER_THREADS === 0 && hasLongRun(cell)) cell.threads.look(cell.process.pid);
      this.#measure(cell);
    }
  }

  #measure(cell: Cell): void {
    cell.rssBytes = cell.process.rssBytes();
    // Once it is being killed for that there is nothing to be measured.
    if (!cell.isReady || cell.cause === 'memory') return;
    const budget = cell.baseRss + this.#o.growthBytes + cell.peakAllowanceBytes;
    if (cell.rssBytes <= budget) cell.measures += 1;
    else {
      cell.cause = 'memory';
      cell.process.kill(`it used ${mebibytes(cell.rssBytes)}; its budget was ${mebibytes(budget)}`);
    }
  }
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;
