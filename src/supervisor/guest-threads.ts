/**
 * Threads of a cell in which guests burn the processor go behind all others. Each guest that runs has a thread of its own beside
 * the cell's main one, and to the system they are all alike: ten endless loops would leave the main thread, and every
 * neighbour's tick, an eleventh each of what the machine has. A thread is never moved back, which only a privileged process may
 * do; it ends, or its cell does. Linux only: elsewhere nothing happens.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Of nineteen steps; a thread of the usual priority gets nine times as much of a busy core. */
const NICENESS = 10;
/** Processor time between two looks that only a thread in a loop uses, in the system's hundredths of a second. */
const BUSY_TICKS = 2;

export class GuestThreads {
  #used = new Map<number, number>();
  readonly #demoted = new Set<number>();

  /** To be called about twice a second while a guest runs for long. */
  look(pid: number): void {
    const used = new Map<number, number>();
    for (const id of threadsOf(pid)) {
      if (id === pid) continue;
      const ticks = usedBy(pid, id);
      if (ticks === null) continue;
      used.set(id, ticks);
      const before = this.#used.get(id);
      if (before === undefined || ticks - before < BUSY_TICKS || this.#demoted.has(id)) continue;
      try {
        setPriority(id, NICENESS);
        this.#demoted.add(id);
      } catch {
        // It has ended, or the system forbids it.
      }
    }
    this.#used = used;
    for (const id of this.#demoted) if (!used.has(id)) this.#demoted.delete(id);
  }
}

function threadsOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

/** Of user and system together; null where it is gone. */
function usedBy(pid: number, thread: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
    // Its name stands in parentheses, and may hold anything. Behind it comes the third field; times are the 14th and 15th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return null;
  }
}
