/**
 * How many requests run at once: per worker (a setting), per workspace and over all. The rest waits in order; who waits for
 * a full worker does not hold up the ones behind. Pure bookkeeping, no I/O.
 */
import { RuntimeError } from '../../src/core/errors.ts';
import { FetchFailure } from './failure.ts';

export const REQUESTS_PER_WORKSPACE = 64;
export const REQUESTS_MAX = 256;
/** Requests of one worker that wait for a place. */
export const WAITING_PER_WORKER = 64;
/** Requests that wait over all workers. */
const WAITING_MAX = 4_096;

interface Waiter {
  readonly worker: string;
  readonly workspace: string;
  readonly enter: () => void;
}

/** `workspace/name` → `workspace`. */
export function workspaceOf(worker: string): string {
  return worker.slice(0, Math.max(0, worker.indexOf('/'))) || 'default';
}

export class Gate {
  readonly #perWorker: number;
  readonly #running = new Map<string, number>();
  readonly #waiting = new Set<Waiter>();
  readonly #waitingOf = new Map<string, number>();
  #total = 0;

  constructor(perWorker: number) {
    this.#perWorker = perWorker;
  }

  /** Resolves with what to call at the end. Rejects with CALL_LIMIT when too many wait, and with the signal's reason. */
  enter(worker: string, signal: AbortSignal): Promise<() => void> {
    const workspace = workspaceOf(worker);
    if (this.#hasRoom(worker, workspace)) return Promise.resolve(this.#take(worker, workspace));
    if ((this.#waitingOf.get(worker) ?? 0) >= WAITING_PER_WORKER) {
      return Promise.reject(
        new RuntimeError(
          'CALL_LIMIT',
          `More than ${WAITING_PER_WORKER} requests of this worker wait for one of its ${this.#perWorker} places. Await some before you send more.`,
        ),
      );
    }
    if (this.#waiting.size >= WAITING_MAX) {
      return Promise.reject(new FetchFailure('BUSY', 'too many requests wait on this node; try again later'));
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter);
        add(this.#waitingOf, worker, -1);
        signal.removeEventListener('abort', abandon);
      };
      const abandon = (): void => {
        leave();
        reject(signal.reason);
      };
      const waiter: Waiter = {
        worker,
        workspace,
        enter: () => {
          leave();
          resolve(this.#take(worker, workspace));
        },
      };
      this.#waiting.add(waiter);
      add(this.#waitingOf, worker, 1);
      if (signal.aborted) abandon();
      else signal.addEventListener('abort', abandon);
    });
  }

  #hasRoom(worker: string, workspace: string): boolean {
    return (
      this.#total < REQUESTS_MAX &&
      (this.#running.get(`worker ${worker}`) ?? 0) < this.#perWorker &&
      (this.#running.get(`workspace ${workspace}`) ?? 0) < REQUESTS_PER_WORKSPACE
    );
  }

  #take(worker: string, workspace: string): () => void {
    this.#count(worker, workspace, 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#count(worker, workspace, -1);
      this.#admit();
    };
  }

  #count(worker: string, workspace: string, by: 1 | -1): void {
    this.#total += by;
    add(this.#running, `worker ${worker}`, by);
    add(this.#running, `workspace ${workspace}`, by);
  }

  #admit(): void {
    for (const waiter of this.#waiting) {
      if (this.#total >= REQUESTS_MAX) return;
      if (this.#hasRoom(waiter.worker, waiter.workspace)) waiter.enter();
    }
  }
}

/** Adds to a count and drops it at zero, so that the map holds only what lives. */
function add(counts: Map<string, number>, key: string, by: number): void {
  const next = (counts.get(key) ?? 0) + by;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}
