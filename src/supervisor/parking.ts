/**
 * Python workers cost about 100 MiB each while they are loaded. Above the number that the machine can hold, those with the
 * longest intervals give their memory back between ticks and are loaded again shortly before the next.
 */
import { totalmem } from 'node:os';
import { MiB } from '../core/limits.ts';
import type { WorkerSelf } from './worker-self.ts';

const RESIDENT_BYTES = 110 * MiB;
/** Of the machine's memory, what resident Python workers may take. */
const MEMORY_SHARE = 0.75;
const INTERVAL_MS_MIN = 5 * 60_000;

export class Parking {
  /** A parked worker is loaded this long before it is due. */
  readonly leadMs = 5_000;
  readonly #residentMax: number;

  constructor(residentMax = Math.max(1, Math.floor((totalmem() * MEMORY_SHARE) / RESIDENT_BYTES))) {
    this.#residentMax = residentMax;
  }

  mayPark(self: WorkerSelf, recyclable: boolean, waitMs: number, resident: () => number): boolean {
    if (self.compiled.language !== 'python' || !recyclable) return false;
    const { schedule } = self.definition.settings;
    const longEnough = schedule.kind === 'cron' || schedule.intervalMs >= INTERVAL_MS_MIN;
    return longEnough && waitMs > 2 * this.leadMs && resident() > this.#residentMax;
  }
}
