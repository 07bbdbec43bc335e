/** A store that is away when a worker is claimed may be back in a moment: a start should not fail on that. */
import type { Clock } from '../core/clock.ts';
import { toRuntimeError } from '../core/errors.ts';
import type { Claimed, StateStore } from '../store/contracts.ts';

const PATIENCE_MS = 30_000;
const RETRY_MS = [100, 200, 500, 1_000] as const;

export interface ClaimOptions {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly worker: string;
  /** Nobody waits for it any more. */
  readonly ended: () => boolean;
  /** Once, when the store is away. */
  readonly onAway: (reason: string) => void;
}

/** @throws RuntimeError STORE_UNAVAILABLE after half a minute; whatever else the store refuses at once */
export async function claimPatiently({ store, clock, worker, ended, onAway }: ClaimOptions): Promise<Claimed> {
  const from = clock.monoMs();
  for (let attempt = 0; ; attempt++) {
    try {
      return await store.claim(worker);
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      if (error.code !== 'STORE_UNAVAILABLE' || ended() || clock.monoMs() - from > PATIENCE_MS) throw error;
      if (attempt === 0) onAway(error.message);
      await new Promise<void>((resolve) => {
        clock.after(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 1_000, resolve);
      });
    }
  }
}
