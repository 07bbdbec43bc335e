/**
 * Two clocks, never mixed: `wallMs` is the calendar (cron, log stamps) and may jump; `monoMs` only moves forward and
 * carries every interval, deadline and lease. A test or a simulation supplies its own.
 */
export interface Clock {
  /** Unix time in milliseconds. */
  wallMs(): number;
  /** Monotonic milliseconds since an arbitrary origin. */
  monoMs(): number;
  /** Calls `fire` once after `delayMs`; the returned function cancels. Long delays are allowed to fire early. */
  after(delayMs: number, fire: () => void): () => void;
}

/** `setTimeout` wraps above this; a caller that is woken early looks at the clock and waits again. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  after(delayMs, fire) {
    const timer = setTimeout(fire, Math.min(Math.max(0, delayMs), TIMER_MS_MAX));
    return () => clearTimeout(timer);
  },
};
