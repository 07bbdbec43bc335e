/** The workers that must not notice anything: canaries of another workspace, and neighbours that share cells with attacks. */
import { CANARY_WORKSPACE, type RecoveredTold, type TickTold } from './messages.ts';

export interface Beat extends TickTold {
  readonly at: number;
  /** Other programs had the machine then: when it came says nothing. */
  readonly busy: boolean;
}

type Timed = TickTold & { readonly at: number };

export class CanaryWatch {
  readonly #beats: Timed[] = [];
  readonly #neighbours: TickTold[] = [];
  readonly recoveries: number[] = [];

  onTick(told: TickTold): void {
    if (told.worker.startsWith(`${CANARY_WORKSPACE}/`)) this.#beats.push({ ...told, at: performance.now() });
    else this.#neighbours.push(told);
  }

  onRecovered({ ms }: RecoveredTold): void {
    this.recoveries.push(ms);
  }

  get neighbours(): readonly TickTold[] {
    return this.#neighbours;
  }

  ticksOf(name: string): number {
    return this.#beats.filter(({ worker }) => worker === `${CANARY_WORKSPACE}/${name}`).length;
  }

  /** Every tick that was told between the two. */
  between(from: number, to: number, wasBusy: (at: number) => boolean): readonly Beat[] {
    return this.#beats.filter(({ at }) => at >= from && at <= to).map((beat) => ({ ...beat, busy: wasBusy(beat.at) }));
  }
}

/** One of the values: the one that this share of them does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** What is wrong with the ticks of canaries: none may fail, and none may be missing. */
export function missed(beats: readonly Beat[]): readonly string[] {
  const wrong: string[] = [];
  const last = new Map<string, number>();
  for (const { worker, tick, outcome, errorCode, skipped, busy } of beats) {
    if (outcome !== 'ok') wrong.push(`${worker}: tick ${tick} ended as ${outcome} ${errorCode}`);
    if (skipped > 0 && !busy) wrong.push(`${worker}: ${skipped} skipped before tick ${tick}`);
    const before = last.get(worker);
    if (before !== undefined && tick !== before + 1) wrong.push(`${worker}: tick ${before} was followed by ${tick}`);
    last.set(worker, tick);
  }
  return wrong;
}
