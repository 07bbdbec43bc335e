/**
 * Order among the operations of one worker: those of several steps run alone, after all that were called before; commits run as
 * they come, but never beside one of those.
 */
interface Line {
  /** Commits that were called after the last of those that run alone. */
  commits: Commits;
  /** The last of those that run alone, finished or not. */
  alone: Promise<unknown> | null;
}

interface Commits {
  /** Waiting and under way. */
  open: number;
  onNone: (() => void) | null;
}

export class WorkerTurns {
  readonly #lines = new Map<string, Line>();

  async commit<T>(worker: string, work: () => Promise<T>): Promise<T> {
    const line = this.#line(worker);
    const { commits, alone } = line;
    commits.open += 1;
    try {
      if (alone !== null) await alone;
      return await work();
    } finally {
      commits.open -= 1;
      if (commits.open === 0) commits.onNone?.();
      this.#forget(worker, line);
    }
  }

  alone<T>(worker: string, work: () => Promise<T>): Promise<T> {
    const line = this.#line(worker);
    const { commits, alone: before } = line;
    line.commits = { open: 0, onNone: null };
    const run = (async () => {
      await before;
      if (commits.open > 0)
        await new Promise<void>((resolve) => {
          commits.onNone = resolve;
        });
      return work();
    })();
    const settled = run
      .catch(() => undefined)
      .then(() => {
        if (line.alone === settled) line.alone = null;
        this.#forget(worker, line);
      });
    line.alone = settled;
    return run;
  }

  #line(worker: string): Line {
    let line = this.#lines.get(worker);
    if (line === undefined) {
      line = { commits: { open: 0, onNone: null }, alone: null };
      this.#lines.set(worker, line);
    }
    return line;
  }

  #forget(worker: string, line: Line): void {
    if (line.commits.open === 0 && line.alone === null && this.#lines.get(worker) === line) this.#lines.delete(worker);
  }
}
