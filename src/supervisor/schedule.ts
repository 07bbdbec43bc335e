/** When a worker ticks next: pure arithmetic. Intervals live on the monotonic clock, cron on the calendar. */
import { Cron } from 'croner';

/** The first slot of the grid `anchor + k * intervalMs` that is later than `after`. */
export function nextGridSlot(anchor: number, intervalMs: number, after: number): number {
  // The division is rounded: when `after` is itself a slot it may come out just below it, and that slot would come twice.
  let slots = Math.floor((after - anchor) / intervalMs) + 1;
  if (anchor + slots * intervalMs <= after) slots += 1;
  return anchor + slots * intervalMs;
}

/** Slots between two consecutive due times that were passed over. */
export function skippedSlots(previousDue: number, nextDue: number, intervalMs: number): number {
  return Math.max(0, Math.round((nextDue - previousDue) / intervalMs) - 1);
}

/** A fixed place of a worker within its interval, from its id: workers that start together do not tick together. */
export function phaseOf(worker: string, intervalMs: number): number {
  let hash = 2_166_136_261;
  for (let i = 0; i < worker.length; i++) hash = Math.imul(hash ^ worker.charCodeAt(i), 16_777_619);
  // FNV leaves the high bits of similar names alike (worker-1, worker-2, …): mix them once more (murmur3).
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  hash ^= hash >>> 16;
  return ((hash >>> 0) / 4_294_967_296) * intervalMs;
}

/** The first time after `afterWallMs` (Unix ms) that the expression names; null if there is none. */
export function nextCron(expression: string, timezone: string, afterWallMs: number): number | null {
  return new Cron(expression, { timezone, paused: true }).nextRun(new Date(afterWallMs))?.getTime() ?? null;
}

/** The last time up to `untilWallMs` (Unix ms) that the expression names; null if there is none. */
export function lastCron(expression: string, timezone: string, untilWallMs: number): number | null {
  const [last] = new Cron(expression, { timezone, paused: true }).previousRuns(1, new Date(untilWallMs + 1));
  return last?.getTime() ?? null;
}

/** Times after `fromWallMs` and up to `toWallMs` that the expression names, counted up to `max`. */
export function countCron(
  expression: string,
  timezone: string,
  fromWallMs: number,
  toWallMs: number,
  max = 1_000,
): number {
  const cron = new Cron(expression, { timezone, paused: true });
  let count = 0;
  for (let at = cron.nextRun(new Date(fromWallMs)); at !== null && at.getTime() <= toWallMs && count < max; count++)
    at = cron.nextRun(at);
  return count;
}
