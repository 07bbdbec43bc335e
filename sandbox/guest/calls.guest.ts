/**
 * What the guest waits for: answers of the node and timers of the cell. The cell resolves them by a timed call of
 * `deliver`, so code behind an `await` runs under the same time limit as the code before it.
 */
import type { SandboxLimits } from '../protocol.ts';
import { fault } from './faults.guest.ts';
import {
  append,
  apply,
  mapClear,
  mapDelete,
  mapEach,
  mapGet,
  mapSet,
  mapSize,
  max,
  min,
  SafeMap,
  SafePromise,
  slice,
} from './primordials.guest.ts';
import type { Stream } from './stream.guest.ts';

interface Waiting {
  readonly resolve: (json: string) => void;
  readonly reject: (error: Error) => void;
  /** The run does not end before these have settled. */
  readonly holds: boolean;
  /** Of its arguments. */
  readonly chars: number;
}

interface Timer {
  readonly callback: (...args: unknown[]) => unknown;
  readonly args: readonly unknown[];
  readonly everyMs: number | null;
}

const TIMER_MS_MAX = 3_600_000;
const TIMERS_MAX = 1_000;
/** Calls and sleeps that wait at the same time. */
const WAITING_MAX = 10_000;
const NAME_CHARS_MAX = 256;
/** Arguments of all open calls together, in units of the limit of one: the cell holds them until they are written. */
const OPEN_ARGUMENTS_MAX = 2;

export interface Calls {
  call(capability: string, argsJson: string): Promise<string>;
  flush(): Promise<void>;
  sleep(ms: number): Promise<void>;
  setTimer(callback: unknown, ms: unknown, repeat: boolean, args: readonly unknown[]): number;
  clearTimer(id: unknown): void;
  settle(id: number, json: string): void;
  refuse(id: number, code: string, message: string): void;
  /** The run's time is over: everything that waits is rejected, and so is every later call of this run. */
  expire(): void;
  begin(): void;
}

/** `onTimerError` gets what a timer's callback threw. */
export function createCalls(stream: Stream, limits: SandboxLimits, onTimerError: (thrown: unknown) => void): Calls {
  const waiting = new SafeMap<number, Waiting>() as Map<unknown, unknown>;
  const timers = new SafeMap<number, Timer>() as Map<unknown, unknown>;
  let lastId = 0;
  let open = 0;
  let openChars = 0;
  let made = 0;
  let madeChars = 0;
  let timerCount = 0;
  let phase: 'idle' | 'running' | 'expired' = 'idle';

  function wait(holds: boolean, announce: (id: number) => void, chars = 0): Promise<string> {
    return new SafePromise<string>((resolve, reject) => {
      if (phase === 'expired') return reject(fault('TICK_TIMEOUT', 'The time of this call is over.'));
      if (phase === 'idle')
        return reject(fault('CALL_LIMIT', 'ctx can only be used while the engine calls the worker.'));
      if (holds && open >= limits.callsOpen)
        return reject(fault('CALL_LIMIT', `At most ${limits.callsOpen} calls may be open at once; await some first.`));
      if (holds && made >= limits.callsPerTick)
        return reject(fault('CALL_LIMIT', `At most ${limits.callsPerTick} calls are allowed in one tick.`));
      if (mapSize(waiting as Map<never, never>) >= WAITING_MAX)
        return reject(fault('CALL_LIMIT', `At most ${WAITING_MAX} things may be waited for at once.`));
      if (chars > limits.callJsonBytes)
        return reject(fault('OUTPUT_LIMIT', `The arguments of a call have at most ${limits.callJsonBytes} bytes.`));
      if (openChars + chars > OPEN_ARGUMENTS_MAX * limits.callJsonBytes)
        return reject(fault('CALL_LIMIT', 'The arguments of the open calls are too large together; await some first.'));
      if (madeChars + chars > limits.callBytesPerTick)
        return reject(
          fault(
            'CALL_LIMIT',
            `The calls of one tick may have ${limits.callBytesPerTick} bytes of arguments and results.`,
          ),
        );
      openChars += chars;
      madeChars += chars;
      const id = ++lastId;
      if (holds) {
        stream.open(++open);
        made += 1;
      }
      mapSet(waiting, id, { resolve, reject, holds, chars } satisfies Waiting);
      announce(id);
    });
  }

  function take(id: number): Waiting | undefined {
    const entry = mapGet(waiting, id) as Waiting | undefined;
    if (entry === undefined) return undefined;
    mapDelete(waiting, id);
    openChars -= entry.chars;
    if (entry.holds) stream.open(--open);
    return entry;
  }

  function fire(id: number): void {
    const timer = mapGet(timers, id) as Timer | undefined;
    if (timer === undefined) return;
    if (timer.everyMs === null) {
      mapDelete(timers, id);
      timerCount -= 1;
    } else stream.event(['t', id, timer.everyMs]);
    try {
      apply(timer.callback, undefined, timer.args);
    } catch (thrown) {
      onTimerError(thrown);
    }
  }

  function forget(): void {
    mapClear(waiting);
    mapClear(timers);
    open = 0;
    openChars = 0;
    stream.open(0);
    timerCount = 0;
  }

  const bounded = (ms: unknown): number => {
    const value = typeof ms === 'number' && ms > 0 ? ms : 0;
    return min(value, TIMER_MS_MAX);
  };

  return {
    call(capability, argsJson) {
      // SECURITY: Python code can come here with any name; one that the node does not take would end the cell.
      const name = capability.length > NAME_CHARS_MAX ? slice(capability, 0, NAME_CHARS_MAX) : capability;
      return wait(true, (id) => stream.event(['q', id, name, argsJson]), argsJson.length);
    },
    async flush() {
      await wait(true, (id) => stream.event(['f', id]));
    },
    async sleep(ms) {
      await wait(false, (id) => stream.event(['t', id, bounded(ms)]));
    },
    setTimer(callback, ms, repeat, args) {
      if (typeof callback !== 'function') throw fault('BAD_ARGUMENT', 'A timer needs a function.');
      if (phase !== 'running')
        throw fault('CALL_LIMIT', 'Timers live only inside a call of the worker; none can be set here.');
      if (timerCount >= TIMERS_MAX) throw fault('CALL_LIMIT', `At most ${TIMERS_MAX} timers may wait at once.`);
      const id = ++lastId;
      const delay = bounded(ms);
      const everyMs = repeat ? max(delay, 1) : null;
      mapSet(timers, id, { callback: callback as Timer['callback'], args, everyMs } satisfies Timer);
      timerCount += 1;
      stream.event(['t', id, delay]);
      return id;
    },
    clearTimer(id) {
      if (!mapDelete(timers, id)) return;
      timerCount -= 1;
      // Or the cell would keep one of its own for every timer that was ever set.
      stream.event(['t', id as number, -1]);
    },
    settle(id, json) {
      const entry = take(id);
      if (entry === undefined) return fire(id);
      madeChars += json.length;
      entry.resolve(json);
    },
    refuse: (id, code, message) => take(id)?.reject(fault(code, message)),
    expire() {
      phase = 'expired';
      const all: Waiting[] = [];
      mapEach(waiting, (entry) => {
        append(all, entry as Waiting);
      });
      forget();
      for (let i = 0; i < all.length; i++)
        (all[i] as Waiting).reject(fault('TICK_TIMEOUT', 'The time of this call is over.'));
    },
    begin() {
      forget();
      made = 0;
      madeChars = 0;
      phase = 'running';
    },
  };
}
