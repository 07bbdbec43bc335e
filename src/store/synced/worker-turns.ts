/**
 * Order among the operations of one worker: those of several steps run alone, after all that were called before; commits run as
 * they come, but never beside one of those.
 */
interface Line {
  /** Commits under way. */
  commits: number;
  /** The last of those that run alone, finished or not. */
  alone: Promise<unknown> | null;
  onNone: (() => void) | null;
}

export class WorkerTurns {
  readonly #lines = new Map<string, Line>();

  async commit<T>(worker: string, work: () => Promise<T>): Promise<T> {
    const line = this.#line(worker);
    while (line.alone !== null) await line.alone;
    line.commits += 1;
    try {
      return await work();
    } finally {
      line.commits -= 1;
      if (line.commits === 0) line.onNone?.();
      this.#forget(worker, line);
    }
  }

  alone<T>(worker: string, work: () => Promise<T>): Promise<T> {
    const line = this.#line(worker);
    const before = line.alone;
    const run = (async () => {
      await before;
      if (line.commits > 0)
        await new Promise<void>((resolve) => {
          line.onNone = resolve;
        });
      line.onNone = null;
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
      line = { commits: 0, alone: null, onNone: null };
      this.#lines.set(worker, line);
    }
    return line;
  }

  #forget(worker: string, line: Line): void {
    if (line.commits === 0 && line.alone === null && this.#lines.get(worker) === line) this.#lines.delete(worker);
  }
}
