/**
 * Cells do not get old: what leaks slowly in V8, in Pyodide or in a guest's corner that no limit counts ends with its process. A
 * cell that is due takes no more workers, and those that it has move to another one between two ticks, a few at a time. Workers that
 * would lose what their setup bound stay, and the cell with them.
 */
import type { Backend } from '../../sandbox/protocol.ts';
import type { Cell } from './cell-seats.ts';

export interface RecyclingLimits {
  /** Each cell has its own, up to a fifth away from these: those that started together are not replaced together. */
  readonly ageMs: number;
  readonly runs: number;
  /** What a cell may grow before it is killed, see {@link CellPool}. */
  readonly growthBytes: number;
}

const JITTER = 0.2;
/** Of what it may grow: above that it is replaced in good order before it has to be killed. */
const MEMORY_SHARE = 0.75;
/** What its workers really need is the same in the next cell. */
const MEMORY_AGE_MS_MIN = 600_000;
/** Workers that are told at each step: each of them is loaded anew. */
const PER_STEP: Readonly<Record<Backend, number>> = { isolate: 10, pyodide: 0.2 };

const formatAge = (ms: number): string =>
  ms < 120_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} minutes`;

export const drawJitter = (): number => 1 + JITTER * (2 * Math.random() - 1);

export type Aging = Pick<Cell, 'readyAt' | 'runs' | 'jitter' | 'rssBytes' | 'baseRss' | 'peakAllowanceBytes'>;

/** Why a cell should be replaced; null while it is good. */
export function decideRecycling(cell: Aging, limits: RecyclingLimits, now: number): string | null {
  if (cell.readyAt === null) return null;
  const ageMs = now - cell.readyAt;
  if (ageMs > limits.ageMs * cell.jitter) return `it was ${formatAge(ageMs)} old`;
  if (cell.runs > limits.runs * cell.jitter) return `it had done ${cell.runs} runs`;
  const grown = cell.rssBytes - cell.baseRss;
  const large = grown > MEMORY_SHARE * (limits.growthBytes + cell.peakAllowanceBytes);
  if (large && ageMs > MEMORY_AGE_MS_MIN * cell.jitter) return `it had grown by ${Math.round(grown / 1_048_576)} MiB`;
  return null;
}

/** One cell at a time. */
export class Recycling {
  readonly #limits: RecyclingLimits;
  readonly #replace: (cell: Cell) => Promise<void>;
  #cell: Cell | null = null;
  #replaced = false;
  #left: number[] = [];
  #credit = 0;

  /** `replace` makes sure that there is a cell for its workers to go to. */
  constructor(limits: RecyclingLimits, replace: (cell: Cell) => Promise<void>) {
    this.#limits = limits;
    this.#replace = replace;
  }

  /** Called ten times a second. `room`: another cell can be started. */
  step(cells: Iterable<Cell>, now: number, room: boolean): void {
    if (this.#cell === null && room) this.#choose(cells, now);
    const cell = this.#cell;
    if (cell === null || (!this.#replaced && !cell.process.closed)) return;
    this.#credit += PER_STEP[cell.backend];
    for (; this.#credit >= 1 && this.#left.length > 0; this.#credit -= 1)
      cell.seats.get(this.#left.shift() as number)?.listener.onRetire?.();
    if (this.#left.length > 0 && !cell.process.closed) return;
    this.#cell = null;
    this.#credit = 0;
  }

  #choose(cells: Iterable<Cell>, now: number): void {
    for (const cell of cells) {
      if (cell.retiring !== null || cell.ending || cell.process.closed) continue;
      const reason = decideRecycling(cell, this.#limits, now);
      if (reason === null) continue;
      cell.retiring = reason;
      this.#cell = cell;
      this.#left = [...cell.seats.keys()];
      this.#replaced = false;
      this.#replace(cell).then(
        () => {
          if (this.#cell === cell) this.#replaced = true;
        },
        () => {
          cell.retiring = null;
          if (this.#cell === cell) this.#cell = null;
        },
      );
      return;
    }
  }
}
