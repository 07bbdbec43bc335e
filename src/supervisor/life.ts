/**
 * The life of a worker, as data. `worker-slot.ts` makes every change through one method that asks this table.
 *
 * - `stopped`: nobody wants it to run; nothing of it is loaded.
 * - `loading`: claimed; its code is compiled and loaded into a sandbox.
 * - `setup`: `setup` (on a start) or `resume` (after an engine-caused restart) is running.
 * - `backoff`: setup failed; it is tried again after a pause.
 * - `waiting`: loaded and set up; the scheduler knows its next tick.
 * - `ticking`: one tick is in flight, or its commit is.
 * - `handling`: `on_error` is running.
 * - `recovering`: its sandbox or cell was lost; another one is being made ready. No fault of its own is assumed.
 * - `paused`: the store is away; it goes on by itself.
 * - `parked`: given back to save memory; it is loaded again before its next tick.
 * - `stopping`: a stop was asked for; a tick may still be in flight.
 * - `failed`: `maxErrors` consecutive errors. Stays so until someone starts it.
 * - `invalid`: its code cannot be loaded. Stays so until it is deployed or started again.
 */
export type WorkerState =
  | 'stopped'
  | 'loading'
  | 'setup'
  | 'backoff'
  | 'waiting'
  | 'ticking'
  | 'handling'
  | 'recovering'
  | 'paused'
  | 'parked'
  | 'stopping'
  | 'failed'
  | 'invalid';

/** From → every state that may follow. docs/guide.md shows the same table; a test walks it. */
export const TRANSITIONS: Readonly<Record<WorkerState, readonly WorkerState[]>> = {
  stopped: ['loading'],
  loading: ['setup', 'waiting', 'handling', 'backoff', 'recovering', 'paused', 'stopping', 'failed', 'invalid'],
  setup: ['waiting', 'backoff', 'handling', 'recovering', 'paused', 'stopping', 'failed'],
  backoff: ['setup', 'loading', 'recovering', 'paused', 'stopping'],
  waiting: ['ticking', 'recovering', 'paused', 'parked', 'stopping', 'loading', 'failed'],
  ticking: ['waiting', 'handling', 'recovering', 'paused', 'stopping', 'failed'],
  handling: ['waiting', 'backoff', 'recovering', 'paused', 'stopping', 'failed'],
  recovering: ['loading', 'paused', 'stopping', 'failed'],
  paused: ['setup', 'backoff', 'ticking', 'handling', 'loading', 'waiting', 'stopping', 'recovering'],
  parked: ['loading', 'stopping'],
  stopping: ['stopped', 'failed', 'invalid'],
  failed: ['loading', 'stopping'],
  invalid: ['loading', 'stopping'],
};

export function isLegal(from: WorkerState, to: WorkerState): boolean {
  return TRANSITIONS[from].includes(to);
}
