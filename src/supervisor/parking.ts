/**
 * Python workers cost about 100 MiB each while they are loaded. Above the number that the machine can hold, those with the
 * longest intervals give their memory back between ticks and are loaded again shortly before the next.
 */
import { totalmem } from 'node:os';
import { MiB } from '../core/limits.ts';
import type { Due } from './worker-clock.ts';
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
    // Cron has no interval; how far away its next time is must do.
    const apartMs = schedule.kind === 'cron' ? waitMs : schedule.intervalMs;
    return apartMs >= INTERVAL_MS_MIN && waitMs > 2 * this.leadMs && resident() > this.#residentMax;
  }
}

/** Sleeps until shortly before the slot, or until it is stopped. The calendar may jump meanwhile, and settings may change. */
export async function sleepParked(self: WorkerSelf, first: Due, sleep: (ms: number) => Promise<void>): Promise<void> {
  const { clock, parkLeadMs } = self.services;
  for (let due = first; self.state === 'parked' && due.waitMs > parkLeadMs; ) {
    const lookMs = due.lookAgain ? due.dueMono - clock.monoMs() : Number.POSITIVE_INFINITY;
    await sleep(Math.min(lookMs, due.waitMs - parkLeadMs));
    due = self.clock.next(self.definition.settings.schedule);
  }
}
