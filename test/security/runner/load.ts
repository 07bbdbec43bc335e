/**
 * Who used the machine while the corpus ran: the node's own process, its cells, and everything else. Where other programs have it, its
 * clock says little about the node.
 */
import { cpuMsOf, familyCpuMsOf, machineCpuMs, parentOf, runDelayMsOf } from './proc.ts';

const SAMPLE_MS = 500;
/** Other programs that take more of the machine than this delay what is measured by its clock. */
const OTHERS_SHARE_MAX = 0.15;
/** How far back what happens now may have been delayed. */
const BACK_MS = 2_000;

export interface LoadUsed {
  /** Share of all processors that the run, the node and its cells took, and that other programs did. */
  readonly oursShare: number;
  readonly othersShare: number;
  /** Share of one processor that the node's own process took. */
  readonly nodeShare: number;
  /** How long the node's first thread was ready and did not get a processor, as a share of the time. */
  readonly delayedShare: number;
}

interface Sample {
  readonly at: number;
  readonly busyMs: number;
  readonly allMs: number;
  readonly oursMs: number;
}

export class Load {
  readonly #node: number;
  readonly #cells: () => readonly number[];
  readonly #timer = setInterval(() => this.#samples.push(this.#sample()), SAMPLE_MS);
  readonly #samples: Sample[];
  readonly #nodeMs: number;
  readonly #delayMs: number;
  /** Time of each cell that is no child of the node, when it was last seen: nobody counts it when it has ended. */
  readonly #jailed = new Map<number, number>();

  /** `cells`: those that live. */
  constructor(node: number, cells: () => readonly number[]) {
    this.#node = node;
    this.#cells = cells;
    this.#samples = [this.#sample()];
    this.#nodeMs = cpuMsOf(node);
    this.#delayMs = runDelayMsOf(node);
  }

  get used(): LoadUsed {
    const first = this.#samples[0] as Sample;
    const last = this.#sample();
    const wall = Math.max(1, last.at - first.at);
    return {
      ...shares(first, last),
      nodeShare: (cpuMsOf(this.#node) - this.#nodeMs) / wall,
      delayedShare: (runDelayMsOf(this.#node) - this.#delayMs) / wall,
    };
  }

  /** Did other programs have much of the machine between the two, or right before? */
  wasBusy(from: number, to: number): boolean {
    const before = this.#samples.findLast(({ at }) => at <= from - BACK_MS) ?? this.#samples[0];
    const after = this.#samples.find(({ at }) => at >= to) ?? this.#sample();
    return before !== undefined && shares(before, after).othersShare > OTHERS_SHARE_MAX;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Cells that have ended count with the node, those in a jail by what they had used half a second before. */
  #sample(): Sample {
    const { busy, all } = machineCpuMs();
    const own = [process.pid, this.#node];
    for (const cell of this.#cells())
      if (parentOf(cell) === this.#node) own.push(cell);
      else this.#jailed.set(cell, Math.max(familyCpuMsOf(cell), this.#jailed.get(cell) ?? 0));
    const jailedMs = this.#jailed.values().reduce((sum, ms) => sum + ms, 0);
    const oursMs = own.reduce((sum, pid) => sum + familyCpuMsOf(pid), jailedMs);
    return { at: performance.now(), busyMs: busy, allMs: all, oursMs };
  }
}

function shares(from: Sample, to: Sample): { readonly oursShare: number; readonly othersShare: number } {
  const all = Math.max(1, to.allMs - from.allMs);
  const ours = to.oursMs - from.oursMs;
  return { oursShare: ours / all, othersShare: Math.max(0, to.busyMs - from.busyMs - ours) / all };
}
