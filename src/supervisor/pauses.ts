/** How long a life waits before it tries again what did not work, and how much time it wants for what should not be noticed. */
import type { Due } from './worker-clock.ts';
import type { WorkerSelf } from './worker-self.ts';

const BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000] as const;
const LOAD_MS = { javascript: 300, python: 1_500 } as const;
const MOVE_PATIENCE_MS = 60_000;
const REPLACE_MS = [0, 100, 500, 2_000, 5_000, 10_000] as const;

/** Before a failed setup is tried again, by consecutive errors. */
export function setupPauseMs(errors: number): number {
  return BACKOFF_MS[Math.min(errors - 1, BACKOFF_MS.length - 1)] as number;
}

/** Before a worker that took its cell down gets another one, by how often it did. */
export const fallPauseMs = setupPauseMs;

/** Before another sandbox is asked for, by tries since one was last prepared. */
export function sandboxPauseMs(tries: number): number {
  return REPLACE_MS[Math.min(tries, REPLACE_MS.length - 1)] as number;
}

/** Is the next tick far enough away to get another sandbox without being late? Who has no such moment for long is late once. */
export function mayMove({ compiled, definition, services }: WorkerSelf, due: Due, sinceMono: number): boolean {
  const { schedule } = definition.settings;
  const half = schedule.kind === 'interval' ? schedule.intervalMs / 2 : Number.POSITIVE_INFINITY;
  if (due.waitMs >= Math.min(LOAD_MS[compiled.language], half)) return true;
  return services.clock.monoMs() - sinceMono > MOVE_PATIENCE_MS;
}
