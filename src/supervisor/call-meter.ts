/** What one run has asked of the node so far. A prelude keeps to the same limits, so only a cell that was broken into gets here. */
import { RuntimeError } from '../core/errors.ts';
import { CALL_BYTES_PER_TICK_MAX, CALLS_OPEN_MAX, CALLS_PER_TICK_MAX } from '../core/limits.ts';

export class CallMeter {
  #run: AbortSignal | null = null;
  #calls = 0;
  #chars = 0;

  /** `run` ends with the run that makes the call. @throws RuntimeError CELL_PROTOCOL when the cell let through what it must not */
  ask(run: AbortSignal, open: number, chars: number): void {
    this.#follow(run);
    this.#calls += 1;
    this.#chars += chars;
    if (open > CALLS_OPEN_MAX || this.#calls > CALLS_PER_TICK_MAX)
      throw new RuntimeError('CELL_PROTOCOL', 'a cell let too many calls through');
    if (this.#chars > CALL_BYTES_PER_TICK_MAX)
      throw new RuntimeError('CELL_PROTOCOL', 'a cell let calls through that are too large together');
  }

  /** @throws RuntimeError CALL_LIMIT instead of an answer that is too much */
  answer(run: AbortSignal, chars: number): void {
    this.#follow(run);
    if (this.#chars + chars > CALL_BYTES_PER_TICK_MAX)
      throw new RuntimeError(
        'CALL_LIMIT',
        `The calls of one tick may have ${CALL_BYTES_PER_TICK_MAX} bytes of arguments and results.`,
      );
    this.#chars += chars;
  }

  #follow(run: AbortSignal): void {
    if (this.#run === run) return;
    this.#run = run;
    this.#calls = 0;
    this.#chars = 0;
  }
}
