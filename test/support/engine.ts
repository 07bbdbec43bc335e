/** An engine with real cells for one test: in a folder of its own, stopped at the end, with nothing left behind. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import {
  createRuntime,
  type LogRecord,
  type Runtime,
  type RuntimeEvents,
  type RuntimeOptions,
  type TickRecord,
  type WorkerOptions,
  type WorkerState,
} from '../../src/index.ts';
import { folderWith } from './folder.ts';
import { shareCache } from './share-cache.ts';

export { shareCache };

/** Long enough for a machine that does other things, and makes the snapshot of Python. */
const LIMIT_MS = 25_000;

type EventName = 'tick' | 'log' | 'state' | 'worker' | 'cell';

export interface Engine {
  readonly runtime: Runtime;
  readonly dataDir: string;
  /** Everything that was told so far, in order. */
  readonly ticks: readonly TickRecord[];
  readonly logs: readonly LogRecord[];
  readonly states: readonly RuntimeEvents['worker'][];
  readonly cells: readonly RuntimeEvents['cell'][];
  /** What the engine said about itself. */
  readonly engineLog: readonly string[];
  /** Deploys a worker from one text and starts it. */
  run(name: string, text: string, options?: Partial<WorkerOptions>): Promise<void>;
  /** The next event that fits; fails with everything told so far when it does not come. */
  next<Name extends EventName>(
    name: Name,
    fits: (event: RuntimeEvents[Name]) => boolean,
    limitMs?: number,
  ): Promise<RuntimeEvents[Name]>;
  /** The next `count` ticks of a worker that are ok (or `outcome`). */
  okTicks(worker: string, count?: number): Promise<TickRecord>;
  /** Resolves when the worker is in this state: now, or when it comes. */
  inState(worker: string, state: WorkerState, limitMs?: number): Promise<void>;
  /** The log lines of one worker. */
  lines(worker: string): string[];
  stop(): Promise<void>;
}

/** Ticks every 50 ms. */
export const FAST = { schedule: { kind: 'interval', intervalMs: 50 } } as const;

export const id = (name: string): string => `default/${name}`;

export function source(name: string, text: string): WorkerOptions['source'] {
  return { kind: 'files', entry: name, files: [{ path: name, text }] };
}

/** What stands behind `name.js` or `name.py` by the look of the text. */
export function workerOf(name: string, text: string, options: Partial<WorkerOptions> = {}): WorkerOptions {
  const isPython = /^(async )?def tick|^def setup|^import |^from /m.test(text) && !/export /.test(text);
  return { name, source: source(`${name}.${isPython ? 'py' : 'js'}`, text), ...FAST, ...options };
}

export async function startEngine(options: Partial<RuntimeOptions> = {}): Promise<Engine> {
  const dataDir = options.dataDir ?? folderWith();
  shareCache(dataDir);
  const engineLog: string[] = [];
  const runtime = createRuntime({
    minIntervalMs: 10,
    log: (level, message) => engineLog.push(`${level}: ${message}`),
    ...options,
    dataDir,
  });
  const ticks: TickRecord[] = [];
  const logs: LogRecord[] = [];
  const states: RuntimeEvents['worker'][] = [];
  const cells: RuntimeEvents['cell'][] = [];
  runtime.on('tick', (event) => ticks.push(event));
  runtime.on('log', (event) => logs.push(event));
  runtime.on('worker', (event) => states.push(event));
  runtime.on('cell', (event) => cells.push(event));
  let stopped: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopped ??= runtime.stop({ graceMs: 5_000 }).then(() => expectNoCells(cells));
    return stopped;
  };
  // Hooks of a test run last in, first out: the engine ends before its folder is removed.
  onTestFinished(stop);
  await runtime.start();

  const told = (): string =>
    [
      ...states.slice(-15).map(({ worker, from, to, reason }) => `${worker}: ${from} → ${to} (${reason})`),
      ...cells.slice(-10).map(({ pid, event, reason }) => `cell ${pid}: ${event} (${reason})`),
      ...ticks
        .slice(-10)
        .map(({ worker, tick, outcome, errorMessage }) => `${worker} #${tick}: ${outcome} ${errorMessage}`),
      ...logs.slice(-10).map(({ worker, level, text }) => `${worker} ${level}: ${text}`),
      ...engineLog.slice(-10),
    ].join('\n');

  function next<Name extends EventName>(
    name: Name,
    fits: (event: RuntimeEvents[Name]) => boolean,
    limitMs = LIMIT_MS,
  ): Promise<RuntimeEvents[Name]> {
    const cause = new Error(`no fitting ${name} event within ${limitMs} ms`);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        off();
        cause.message += `:\n${told()}`;
        reject(cause);
      }, limitMs);
      const off = runtime.on(name, (event) => {
        if (!fits(event)) return;
        clearTimeout(timer);
        off();
        resolve(event);
      });
    });
  }

  return {
    runtime,
    dataDir,
    ticks,
    logs,
    states,
    cells,
    engineLog,
    async run(name, text, workerOptions = {}) {
      await runtime.deploy(workerOf(name, text, workerOptions));
      await runtime.startWorker(name);
    },
    next,
    async okTicks(worker, count = 1) {
      let left = count;
      return next('tick', (tick) => {
        if (tick.worker === id(worker) && tick.fn === 'tick' && tick.outcome === 'ok') left -= 1;
        return left === 0;
      });
    },
    async inState(worker, state, limitMs) {
      const { workspace, name } = runtime.worker(worker);
      if (runtime.worker(worker).state === state) return;
      await next('worker', (event) => event.worker === `${workspace}/${name}` && event.to === state, limitMs);
    },
    lines: (worker) => logs.filter((line) => line.worker === id(worker)).map((line) => line.text),
    stop,
  };
}

/** Is this process there, and not only waiting to be reaped? */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** No process of this list may outlive its engine; nor may this process have another child that looks like a cell. */
async function expectNoCells(cells: readonly RuntimeEvents['cell'][]): Promise<void> {
  // A cell behind a jail is no child of the node, which hears of its end by the pipes: those are shut a moment before it is gone.
  const pids = [...new Set(cells.map(({ pid }) => pid))];
  await expect
    .poll(() => pids.filter(isAlive), { message: 'cells that outlived their engine', timeout: 2_000 })
    .toEqual([]);
  const children = readdirSync(`/proc/${process.pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${process.pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  );
  const left = children.filter((pid) => isAlive(pid) && commandOf(pid).includes('sandbox/cell/main'));
  expect(left, 'cell processes left').toEqual([]);
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout');
  expect(timers.length, 'timers left').toBeLessThanOrEqual(BASE_TIMERS);
}

/** Vitest has its own: the time limit of the running test and its heartbeat. */
const BASE_TIMERS = 3;

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
