import type { RuntimeError } from '../../src/core/errors.ts';

/** How a promise stands, without waiting for it. */
export function watch(promise: Promise<void>): { outcome: 'open' | 'ok' | RuntimeError } {
  const seen: { outcome: 'open' | 'ok' | RuntimeError } = { outcome: 'open' };
  promise.then(
    () => {
      seen.outcome = 'ok';
    },
    (error: RuntimeError) => {
      seen.outcome = error;
    },
  );
  return seen;
}
