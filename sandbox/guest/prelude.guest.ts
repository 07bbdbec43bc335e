/**
 * The first code in every sandbox. It owns the way out (stream.guest.ts) and hands the cell its entry points, which the
 * cell calls under a time limit. User code sees none of it: what it gets is built by a language driver on {@link GuestCore}.
 *
 * A run (loading the module, or one call of setup, tick, on_error, resume) writes its end into the stream when its function
 * has settled. The cell holds it open until no call that it made is open and the slice, with all its microtasks, is over.
 */
import type { GuestError, GuestFunction, GuestWorld, LoadReport, LoadSpec, RunInfo } from '../protocol.ts';
import { type Calls, createCalls } from './calls.guest.ts';
import type { Driver, GuestCore } from './contract.guest.ts';
import { createJavascriptDriver } from './javascript.guest.ts';
import { createLog, type Log } from './log.guest.ts';
import { closeUncountedMemory, fixStackTraces, silenceFinalizers } from './memory.guest.ts';
import { max, now, parse, promiseThen, SafeError, SafePromise } from './primordials.guest.ts';
import { createState, type StateMap } from './state.guest.ts';
import { createStream } from './stream.guest.ts';
import { createWorld } from './world.guest.ts';

/** One call of a function of the worker, as JSON from the cell. */
export interface RunOrder {
  readonly fn: GuestFunction;
  readonly info: RunInfo;
  readonly timeoutMs: number;
  readonly world: GuestWorld | null;
  readonly error: GuestError | null;
  readonly unresolved?: Readonly<Record<string, string>>;
}

export interface GuestApi {
  load(specJson: string): void;
  begin(orderJson: string): void;
  deliver(call: number, json: string): void;
  refuse(call: number, code: string, message: string): void;
  expire(): void;
  /** Says the whole state. Runs no code of the worker and takes no part in its run. */
  dump(dump: number): void;
  /** Takes changes of the state from outside, JSON of `[key, JSON text or null]` each. Between two runs; runs no code of the worker. */
  patch(patch: number, replace: number, changesJson: string): void;
  /** Python: set once, before `load`. */
  useDriver(driver: Driver): void;
  /** SECURITY: JavaScript only; closes what the isolate's limits of memory and time do not count. */
  harden(): void;
}

const NO_RUN: RunInfo = { tick: 0, intervalMs: null, dueAt: 0, lastTickAt: null, startedBy: 'deploy' };

/** `seed`: random bytes for the guest's own generator, see entropy.guest.ts. */
export function createGuest(
  ring: SharedArrayBuffer,
  spill: (text: string | null) => void,
  seed: ArrayBuffer,
): GuestApi {
  const stream = createStream(ring, spill);
  const world = createWorld(globalThis);
  fixStackTraces(globalThis);
  let driver: Driver = createJavascriptDriver(globalThis, seed);
  let core: GuestCore | null = null;
  let calls: Calls | null = null;
  let log: Log | null = null;
  let map: Pick<StateMap, 'mend' | 'dump' | 'patch'> | null = null;
  let info: RunInfo = NO_RUN;
  let deadline = 0;
  let supplied: GuestWorld | null = null;
  let unresolved: Readonly<Record<string, string>> | undefined;

  const fail = (thrown: unknown): void => {
    log?.settle();
    stream.event(['e', 'error', driver.describe(thrown)]);
  };

  /** Starts a run; returns when the guest yields or is done. */
  function enter(body: () => unknown, done: (value: unknown) => void): void {
    const end = (value: unknown): void => {
      log?.settle();
      done(value);
    };
    try {
      const value = body();
      if (value instanceof SafePromise) void promiseThen(value, end, fail);
      else end(value);
    } catch (thrown) {
      fail(thrown);
    }
  }

  function createCore(spec: LoadSpec): GuestCore {
    const ownCalls = createCalls(stream, spec.limits, fail);
    const ownLog = createLog(stream, spec.limits, world.now);
    calls = ownCalls;
    log = ownLog;
    const { mend, dump, patch, ...state } = createState(spec.state, spec.limits, stream);
    map = { mend, dump, patch };
    return {
      spec,
      state: { ...state, flush: ownCalls.flush },
      log: ownLog.write,
      call: ownCalls.call,
      sleep: ownCalls.sleep,
      setTimer: ownCalls.setTimer,
      clearTimer: ownCalls.clearTimer,
      unresolved: (adapter) => unresolved?.[adapter] ?? '[]',
      world: () => supplied,
      worker: () => ({ ...info, name: spec.name, version: spec.version, timeLeftMs: max(0, deadline - now()) }),
    };
  }

  return {
    load(specJson) {
      const spec = parse(specJson) as LoadSpec;
      const made = createCore(spec);
      core = made;
      const from = now();
      deadline = from + spec.limits.loadTimeoutMs;
      enter(
        () => driver.load(made),
        (report) => stream.event(['e', 'ok', { ...(report as LoadReport), durationMs: max(0, now() - from) }]),
      );
    },
    begin(orderJson) {
      const order = parse(orderJson) as RunOrder;
      if (core === null || calls === null || map === null) throw new SafeError('begin before load');
      info = order.info;
      deadline = now() + order.timeoutMs;
      supplied = order.world;
      unresolved = order.unresolved;
      world.use(supplied);
      calls.begin();
      map.mend();
      enter(() => driver.run(order.fn, order.error), stream.endedWell);
    },
    deliver: (call, json) => calls?.settle(call, json),
    refuse: (call, code, message) => calls?.refuse(call, code, message),
    expire: () => calls?.expire(),
    dump: (dump) => map?.dump(dump),
    patch(patch, replace, changesJson) {
      map?.patch(patch, replace === 1, parse(changesJson) as [string, string | null][]);
      driver.statePatched?.();
    },
    useDriver(other) {
      driver = other;
    },
    harden() {
      closeUncountedMemory(globalThis);
      silenceFinalizers(globalThis);
    },
  };
}
