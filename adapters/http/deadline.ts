/** One time limit over a whole request: waiting, connecting, redirects, every byte. Nothing a server sends resets it. */
import { FetchFailure } from './failure.ts';

export interface Deadline {
  /** Its reason is the failure to report. */
  readonly signal: AbortSignal;
  /** Ends the request now, with this failure. */
  fail(failure: FetchFailure): void;
  /** Stops the timer and lets go of the outer signal. */
  end(): void;
}

export function startDeadline(ms: number, outer: AbortSignal): Deadline {
  const controller = new AbortController();
  const abandon = (): void =>
    controller.abort(new FetchFailure('ABORTED', 'the tick ended before the answer was complete'));
  const expire = (): void =>
    controller.abort(new FetchFailure('TIMEOUT', `no complete answer within ${Math.round(ms)} ms`));
  const timer = setTimeout(expire, Math.max(0, ms));
  if (outer.aborted) abandon();
  else if (ms <= 0) expire();
  else outer.addEventListener('abort', abandon, { once: true });
  return {
    signal: controller.signal,
    fail: (failure) => controller.abort(failure),
    end() {
      clearTimeout(timer);
      outer.removeEventListener('abort', abandon);
    },
  };
}
