/** How long a close waits for its stores: as long as they get on, within a limit. */
import type { Clock } from '../../core/clock.ts';

export interface CloseWatchOptions {
  readonly clock: Clock;
  readonly limitMs: number;
  /** Without anything new. */
  readonly silentMs: number;
  /** Another value whenever something was answered. */
  readonly progress: () => string;
}

const LOOK_MS = 50;

export class CloseWatch {
  readonly #over = Promise.withResolvers<void>();
  #cancel: () => void = () => undefined;

  constructor({ clock, limitMs, silentMs, progress }: CloseWatchOptions) {
    const from = clock.monoMs();
    let last = progress();
    let at = from;
    const look = (): void => {
      const now = clock.monoMs();
      const next = progress();
      if (next !== last) at = now;
      last = next;
      if (now - from >= limitMs || now - at >= silentMs) this.#over.resolve();
      else this.#cancel = clock.after(LOOK_MS, look);
    };
    this.#cancel = clock.after(LOOK_MS, look);
  }

  /** Resolves with the work, or when it is not waited for any longer. */
  async within(work: Promise<unknown>): Promise<void> {
    await Promise.race([work, this.#over.promise]);
  }

  end(): void {
    this.#cancel();
  }
}
