/**
 * What is told while Postgres does not take checkpoints: one line when it begins, one a minute while it lasts, one when it is over, with
 * how much was behind. It begins with the first one that fails, or is not answered in time: a server that stands still refuses nothing.
 */
import type { Clock } from '../../core/clock.ts';
import type { StoreLag } from '../contracts.ts';

/** What is behind, all workers together. */
export type Behind = Pick<StoreLag, 'sinceMs' | 'workers' | 'characters'>;

export interface TroubleOptions {
  readonly clock: Clock;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;
}

const AGAIN_MS = 60_000;

export class CheckpointTrouble {
  readonly #o: TroubleOptions;
  #reason: string | null = null;
  #failed = false;
  /** Monotonic. */
  #since = 0;
  #toldAt = 0;
  #most: Behind = { sinceMs: 0, workers: 0, characters: 0 };

  constructor(options: TroubleOptions) {
    this.#o = options;
  }

  /** Null while checkpoints come as they should. */
  get reason(): string | null {
    return this.#reason;
  }

  /** One was not taken, `tookMs` after it was sent. */
  failed(reason: string, tookMs: number): void {
    this.#begin(reason, tookMs);
    if (!this.#failed) this.#tell(`a checkpoint failed and is tried again: ${reason}`);
    this.#failed = true;
  }

  /** One that was sent so long ago should have been answered by now. */
  silent(forMs: number, behind: Behind): void {
    if (this.#reason !== null) return;
    this.#begin('Postgres has not answered a checkpoint yet', forMs);
    this.#tell(
      `a checkpoint is overdue: Postgres has not answered for ${secondsOf(forMs)} s; it lacks the last changes of ${textOf(behind)}`,
    );
  }

  /** Called again and again. */
  look(behind: Behind): void {
    if (this.#reason === null) return;
    this.#note(behind);
    if (this.#o.clock.monoMs() - this.#toldAt < AGAIN_MS) return;
    const at = new Date(this.#o.clock.wallMs() - behind.sinceMs).toISOString();
    const text = `Postgres still lacks the last changes of ${textOf(behind)}, the first since ${at}: ${this.#reason}`;
    this.#tell(text, { ...behind });
  }

  answered(behind: Behind): void {
    if (this.#reason === null) return;
    this.#note(behind);
    const seconds = secondsOf(this.#o.clock.monoMs() - this.#since);
    const text = `Postgres answers again after ${seconds} s; it lacked changes of up to ${textOf(this.#most)}, for up to ${secondsOf(this.#most.sinceMs)} s; checkpoints go on`;
    this.#o.log('info', text, { seconds, ...this.#most });
    this.#end();
  }

  /** The last of what was behind was removed, or is another owner's. */
  dropped(): void {
    if (this.#reason === null) return;
    const seconds = secondsOf(this.#o.clock.monoMs() - this.#since);
    this.#o.log('info', `nothing waits for Postgres any more, which took no checkpoint for ${seconds} s`, { seconds });
    this.#end();
  }

  #end(): void {
    this.#reason = null;
    this.#failed = false;
    this.#most = { sinceMs: 0, workers: 0, characters: 0 };
  }

  #begin(reason: string, forMs: number): void {
    if (this.#reason === null) this.#since = this.#o.clock.monoMs() - forMs;
    this.#reason = reason;
  }

  #note({ sinceMs, workers, characters }: Behind): void {
    const most = this.#most;
    this.#most = {
      sinceMs: Math.max(most.sinceMs, sinceMs),
      workers: Math.max(most.workers, workers),
      characters: Math.max(most.characters, characters),
    };
  }

  #tell(message: string, fields?: Record<string, unknown>): void {
    this.#toldAt = this.#o.clock.monoMs();
    this.#o.log('warn', message, fields);
  }
}

const textOf = ({ workers, characters }: Behind): string =>
  `${countOf(workers, 'worker')} (${countOf(characters, 'character')})`;
const secondsOf = (ms: number): number => Math.round(ms / 100) / 10;
const countOf = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;
