/** One attack in the node: deployed, started, watched until it has ended, and read. Its texts never leave the node, only what they hold. */
import { pathToFileURL } from 'node:url';
import { ERRORS } from '../../../src/core/errors.ts';
import { LOAD_TIMEOUT_MS, ON_ERROR_TIMEOUT_MS, TICK_TIMEOUT_MS } from '../../../src/core/limits.ts';
import type { LogRecord, Runtime, RuntimeEvents, TickRecord, WorkerState } from '../../../src/index.ts';
import type { CaseOrder, CaseOutcome } from './messages.ts';

const MESSAGE_KEPT = 300;

/** What one worker was seen doing. */
interface Seen {
  readonly order: CaseOrder;
  readonly ticks: TickRecord[];
  readonly codes: Set<string>;
  readonly reasons: string[];
  readonly leaks: Set<string>;
  state: WorkerState | null;
  since: number;
  overrunMs: number;
  overrunIn: string;
  logLines: number;
  longestLine: number;
  wake: () => void;
}

export class CaseWatch {
  readonly #runtime: Runtime;
  readonly #forbidden: readonly (readonly [what: string, text: string])[];
  readonly #seen = new Map<string, Seen>();

  constructor(runtime: Runtime, secret: string) {
    this.#runtime = runtime;
    this.#forbidden = [
      ['the folder of the engine', process.cwd()],
      ['the path of a file', pathToFileURL('/').href],
      ['a frame of Node', 'node:internal'],
      ['the secret of the host', secret],
    ];
    runtime.on('tick', (record) => this.#onTick(record));
    runtime.on('log', (record) => this.#onLog(record));
    runtime.on('worker', (event) => this.#onWorker(event));
  }

  async run(order: CaseOrder, params: Readonly<Record<string, unknown>>): Promise<CaseOutcome> {
    const worker = `${order.workspace}/${order.name}`;
    const seen: Seen = {
      order,
      ticks: [],
      codes: new Set(),
      reasons: [],
      leaks: new Set(),
      state: null,
      since: performance.now(),
      overrunMs: Number.NEGATIVE_INFINITY,
      overrunIn: 'nothing',
      logLines: 0,
      longestLine: 0,
      wake: () => undefined,
    };
    this.#seen.set(worker, seen);
    try {
      const refused = await this.#start(order, params);
      if (refused !== null) seen.reasons.push(refused.message);
      const end = refused === null ? await this.#ended(seen) : refused.code;
      if (refused !== null) seen.codes.add(refused.code);
      return await this.#outcome(seen, end, refused === null);
    } finally {
      this.#seen.delete(worker);
    }
  }

  async #start(order: CaseOrder, params: unknown): Promise<{ readonly code: string; readonly message: string } | null> {
    const { name, workspace, file, code, timeoutMs, onErrorTimeoutMs, memoryBytes } = order;
    try {
      await this.#runtime.deploy({
        name,
        workspace,
        source: { kind: 'files', entry: file, files: [{ path: file, text: code }] },
        schedule: { kind: 'interval', intervalMs: order.intervalMs },
        maxErrors: order.maxErrors,
        params,
        isolation: order.isolation,
        ...(timeoutMs === null ? undefined : { tickTimeoutMs: timeoutMs, setupTimeoutMs: timeoutMs }),
        ...(onErrorTimeoutMs === null ? undefined : { onErrorTimeoutMs }),
        ...(memoryBytes === null ? undefined : { memoryBytes }),
      });
    } catch (error) {
      return { code: String((error as { code?: unknown }).code), message: String((error as Error).message) };
    }
    await this.#runtime.startWorker(`${workspace}/${name}`);
    return null;
  }

  async #ended(seen: Seen): Promise<string> {
    const giveUp = setTimeout(() => {
      seen.overrunIn = 'given up';
      seen.wake();
    }, seen.order.giveUpMs);
    try {
      while (endOf(seen) === null && seen.overrunIn !== 'given up')
        await new Promise<void>((resolve) => {
          seen.wake = resolve;
        });
    } finally {
      clearTimeout(giveUp);
    }
    return endOf(seen) ?? 'none';
  }

  async #outcome(seen: Seen, end: string, deployed: boolean): Promise<CaseOutcome> {
    const { order, codes } = seen;
    const texts = [...seen.ticks.flatMap(({ errorMessage }) => errorMessage ?? []), ...seen.reasons];
    for (const text of texts) this.#search(seen, 'an error message', text);
    let state: Record<string, unknown> = {};
    let stateReadable = !deployed;
    if (deployed) {
      try {
        state = await this.#runtime.readState(`${order.workspace}/${order.name}`);
        stateReadable = true;
      } catch (error) {
        seen.reasons.push(String(error));
      }
      this.#search(seen, 'its state', JSON.stringify(state));
    }
    return {
      end,
      codes: [...codes],
      unknownCodes: [...codes].filter((code) => !Object.hasOwn(ERRORS, code)),
      messageChars: Math.max(0, ...texts.map((text) => messageOf(text).length)),
      textChars: Math.max(0, ...texts.map((text) => text.length)),
      overrunMs: seen.overrunMs,
      overrunIn: seen.overrunIn,
      message: (texts.at(-1) ?? '').slice(0, MESSAGE_KEPT),
      leaks: [...seen.leaks],
      before: bounded(state['before']),
      found: bounded(state['found']),
      stateReadable,
      logLines: seen.logLines,
      longestLine: seen.longestLine,
    };
  }

  #onTick(record: TickRecord): void {
    const seen = this.#seen.get(record.worker);
    if (seen === undefined) return;
    seen.ticks.push(record);
    if (record.errorCode !== null) seen.codes.add(record.errorCode);
    seen.wake();
  }

  #onLog({ worker, text, fields }: LogRecord): void {
    const seen = this.#seen.get(worker);
    if (seen === undefined) return;
    seen.logLines += 1;
    // A line about a call that failed is the engine's, and as long as its error.
    if (!/^\w+ failed: /.test(text)) seen.longestLine = Math.max(seen.longestLine, text.length, fields?.length ?? 0);
    this.#search(seen, 'its log', text);
    this.#search(seen, 'its log', fields ?? '');
  }

  #onWorker({ worker, to, reason, code }: RuntimeEvents['worker']): void {
    const seen = this.#seen.get(worker);
    if (seen === undefined) return;
    const now = performance.now();
    const limitMs = limitOf(seen.state, seen.order);
    if (limitMs !== null && now - seen.since - limitMs > seen.overrunMs) {
      seen.overrunMs = now - seen.since - limitMs;
      seen.overrunIn = String(seen.state);
    }
    seen.state = to;
    seen.since = now;
    if (reason !== null) seen.reasons.push(reason);
    if (code !== null) seen.codes.add(code);
    seen.wake();
  }

  #search(seen: Seen, where: string, text: string): void {
    for (const [what, forbidden] of this.#forbidden)
      if (forbidden !== '' && text.includes(forbidden)) seen.leaks.add(`${what} in ${where}`);
  }
}

/** How long a worker may be in this state; null for those that are not about running its code. */
function limitOf(state: WorkerState | null, order: CaseOrder): number | null {
  switch (state) {
    case 'setup':
    case 'ticking':
      return order.timeoutMs ?? TICK_TIMEOUT_MS;
    case 'handling':
      return order.onErrorTimeoutMs ?? ON_ERROR_TIMEOUT_MS;
    case 'loading':
      return LOAD_TIMEOUT_MS;
    default:
      return null;
  }
}

/** Of its runs those that were not lost through someone else's fault; null while it has not ended. */
function endOf({ order, ticks, state }: Seen): string | null {
  const resting = state === 'failed' || state === 'invalid';
  const mine = ticks.filter(({ errorCode }) => errorCode !== 'CELL_LOST');
  const bad = mine.findLast(({ outcome }) => outcome !== 'ok');
  if (bad !== undefined) {
    // A worker that fails at its last error calls on_error before it rests.
    return resting ? `${bad.outcome} ${bad.errorCode}` : null;
  }
  if (mine.filter(({ fn }) => fn === 'tick').length >= order.ticks) return 'ok';
  if (state === 'invalid') return 'invalid';
  return state === 'failed' ? 'load' : null;
}

/** An error's text without its frames: they come last in JavaScript, and first in Python. */
function messageOf(text: string): string {
  const lines = text.split('\n');
  if (!text.includes('Traceback (most recent')) return text.split(/\n\s+at /, 1)[0] as string;
  return lines.slice(lines.findLastIndex((line) => /^\s*File "|^ {4}/.test(line)) + 1).join('\n');
}

/** What is reported of a value that an attack wrote. */
function bounded(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text === undefined || text.length <= 2_000 ? value : `${text.slice(0, 2_000)}…`;
}
