/**
 * One worker in one sandbox, from load to loss: a promise per run, and everything the guest says handed on in order. A
 * session never comes back to life: after a loss the worker opens a new one.
 */
import {
  GUEST_NOT_MADE,
  type GuestError,
  type GuestFunction,
  type GuestWorld,
  type LoadFailure,
  type LoadReport,
  type LoadSpec,
  type RunInfo,
  type StreamEntry,
} from '../../sandbox/protocol.ts';
import type { Clock } from '../core/clock.ts';
import type { CellLoss } from './cell-loss.ts';
import type { CellPool, PlaceRequest, SandboxHandle, SandboxOrder } from './cell-pool.ts';
import { BROKE_PROTOCOL } from './cell-process.ts';
import type { SandboxMessage } from './cell-seats.ts';
import { GIVEN_UP, NOT_RUN, type RunResult, verdictOf } from './run-result.ts';
import { SLOW_AFTER_MS, type Turn, type Turns } from './turns.ts';

export type OpenResult =
  | { readonly kind: 'loaded'; readonly session: Session }
  | { readonly kind: 'failed'; readonly code: LoadFailure; readonly error: GuestError }
  | { readonly kind: 'lost'; readonly loss: CellLoss };

export interface SessionOptions {
  readonly pool: CellPool;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly request: PlaceRequest;
  readonly onEntries: (entries: readonly StreamEntry[], session: Session) => void;
  /** Gives the loading up: the result is `lost`, through nobody's fault. */
  readonly signal: AbortSignal;
  /** It was lost or closed: no entry comes any more. */
  readonly onOver?: () => void;
  /** Its cell is to be replaced. */
  readonly onRetire?: () => void;
  /** The cell died while nothing ran here. */
  readonly onIdleLoss: (loss: CellLoss, session: Session) => void;
}

export interface RunOrder {
  readonly fn: GuestFunction;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly cpuLimitMs?: number;
  readonly info: RunInfo;
  readonly error?: GuestError;
  readonly world?: GuestWorld;
  readonly unresolved?: Readonly<Record<string, string>>;
}

interface OpenRun {
  readonly id: number;
  readonly order: RunOrder;
  /** Monotonic. */
  readonly askedAt: number;
  turn: Turn | null;
  /** How long its worker's last run was in its guest, ms. */
  readonly costMs: number;
  /** Monotonic; null while it waits for its turn. */
  sentAt: number | null;
  /** Monotonic; null while the cell has not said that it has begun, which it says of what is not over at once. */
  startedAt: number | null;
  heldMs: number;
  /** Monotonic; the run's clock stands still since then. */
  heldSince: number | null;
  /** Made when the first call asks for it. */
  abort: AbortController | null;
  readonly resolve: (result: RunResult) => void;
}

/** A worker that has not run yet is taken for one of the many that need little. */
const COST_MS_UNKNOWN = 1;
/** A cell loads its workers one after the other, so the last of many may wait. */
const OPEN_MS_MAX = 60_000;
/** A cell that says nothing for that long is given up; one that goes on working is given this many times as long. */
const OPEN_LOOKS_MAX = 10;
/** Beyond timeout and grace a run may need this long until the cell has dealt with it. */
const OVERDUE_MS = 5_000;
/** A run that was cut is over within some seconds, unless its cell hangs. */
const CANCEL_MS_MAX = 10_000;
/** A run that its cell did not start, in a cell that said nothing all the time: it hangs. */
const UNSTARTED_MS = 30_000;
/** The same in a cell that has much to do, where a run may wait for its turn. */
const UNSTARTED_BUSY_MS = 900_000;
/** A run that has begun says so much sooner, where anything can. */
const LOOK_INSIDE_MS = 1_000;
/** A cell that was quiet for this long when a run in it is overdue has ended nobody's run. */
const QUIET_MS = 2_500;

export class Session {
  readonly spec: LoadSpec;
  report: LoadReport | null = null;
  readonly #clock: Clock;
  #handle: SandboxHandle | null = null;
  #run: OpenRun | null = null;
  #lastRun = 0;
  #costMs = COST_MS_UNKNOWN;
  #over = false;
  #cancelWatch: () => void = () => undefined;
  /** Messages of the cell at the last look, and when a look last found more of them. */
  #heard = 0;
  #quietSince = 0;
  readonly #options: SessionOptions;

  private constructor(options: SessionOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.spec = options.request.spec;
  }

  /** @throws RuntimeError when no cell can take the worker (CELLS_EXHAUSTED, CELL_START_FAILED, STOPPED). */
  static async open(options: SessionOptions): Promise<OpenResult> {
    const session = new Session(options);
    let settle: (result: OpenResult) => void = () => undefined;
    const opened = new Promise<OpenResult>((resolve) => {
      settle = resolve;
    });
    options.signal.addEventListener('abort', () => {
      if (session.report !== null) return;
      session.close();
      settle({ kind: 'lost', loss: GIVEN_UP });
    });
    const placed = options.pool.place(options.request, {
      onMessage: (message) => {
        if (message.kind === 'loaded') {
          session.report = message.report;
          settle({ kind: 'loaded', session });
        } else if (message.kind === 'load-failed') {
          session.close();
          settle({ kind: 'failed', code: message.code, error: message.error });
        } else session.#onMessage(message);
      },
      onRetire: () => options.onRetire?.(),
      onLost: (loss) => {
        settle({ kind: 'lost', loss });
        session.#onLost(loss);
      },
    });
    const handled = placed.then((handle) => {
      session.#handle = handle;
      // Given up while the cell was still coming up.
      if (session.#over) handle.unload();
      void opened.then(watchOpening(options.clock, handle));
      return opened;
    });
    return Promise.race([opened, handled]);
  }

  /** Usable: not lost, not closed. */
  get alive(): boolean {
    return !this.#over;
  }

  get cellPid(): number | null {
    return this.#over ? null : (this.#handle?.cellPid ?? null);
  }

  get running(): boolean {
    return this.#run !== null;
  }

  /** Aborts when the run in flight ends. */
  get signal(): AbortSignal {
    if (this.#run === null) return AbortSignal.abort();
    this.#run.abort ??= new AbortController();
    return this.#run.abort.signal;
  }

  /** Milliseconds left in the run in flight, about. */
  get remainingMs(): number {
    const run = this.#run;
    if (run === null) return 0;
    const since = run.startedAt ?? this.#clock.monoMs();
    return Math.max(0, run.order.timeoutMs - (this.#clock.monoMs() - since) + run.heldMs);
  }

  /** `dueMono`: since when it should run. It waits for its turn first. */
  run(order: RunOrder, dueMono = this.#clock.monoMs()): Promise<RunResult> {
    return new Promise((resolve) => {
      if (this.#over || this.#run !== null) return resolve(NOT_RUN);
      const now = this.#clock.monoMs();
      const run: OpenRun = {
        id: ++this.#lastRun,
        order,
        askedAt: now,
        turn: null,
        costMs: this.#costMs,
        sentAt: null,
        startedAt: null,
        heldMs: 0,
        heldSince: null,
        abort: null,
        resolve,
      };
      this.#run = run;
      run.turn = this.#options.turns.ask({
        workspace: this.#options.request.workspace,
        dueMono,
        costMs: this.#costMs,
        begin: () => this.#begin(run),
      });
    });
  }

  #begin(run: OpenRun): void {
    run.sentAt = this.#quietSince = this.#clock.monoMs();
    this.#handle?.send({ kind: 'run', run: run.id, ...run.order });
  }

  send(order: SandboxOrder): void {
    this.#handle?.send(order);
  }

  hold(): void {
    if (this.#run === null) return;
    this.#run.heldSince ??= this.#clock.monoMs();
    this.#handle?.send({ kind: 'hold', run: this.#run.id });
  }

  held(ms: number): void {
    if (this.#run === null) return;
    this.#run.heldMs += ms;
    this.#run.heldSince = null;
  }

  /** Ends the run in flight at once; a cell that does not heed it hangs. */
  cancel(): void {
    const run = this.#run;
    if (run === null) return;
    if (run.sentAt === null) return this.#finish({ ...NOT_RUN, intact: true });
    this.#handle?.send({ kind: 'cancel', run: run.id });
    this.#cancelWatch();
    this.#cancelWatch = this.#clock.after(CANCEL_MS_MAX, () => {
      if (this.#run === run) this.#handle?.killCell('it did not end a run that was cut', 'nobody');
    });
  }

  close(): void {
    if (this.#over) return;
    this.#end();
    this.#handle?.unload();
    this.#finish(NOT_RUN);
  }

  /** Something came out of this sandbox that must not: nothing of what follows is heard. */
  killCell(reason: string): void {
    this.#handle?.killCell(`${BROKE_PROTOCOL}: ${reason}`, 'crash');
  }

  /** The engine's own watchdog behind the cell's: kills the cell of a run that should long have ended. */
  checkOverdue(): void {
    const run = this.#run;
    const handle = this.#handle;
    if (run === null || handle === null || run.heldSince !== null || run.sentAt === null) return;
    const now = this.#clock.monoMs();
    if (handle.cellMessages !== this.#heard) this.#quietSince = now;
    this.#heard = handle.cellMessages;
    const quietMs = now - this.#quietSince;
    // A guest that hangs its cell before that could say that it has begun.
    if (run.startedAt === null && now - run.sentAt > LOOK_INSIDE_MS && handle.isInside()) run.startedAt = now;
    if (run.startedAt === null) {
      // This worker did nothing at all, and nobody knows what the others did.
      if (quietMs > UNSTARTED_MS || now - run.sentAt > UNSTARTED_BUSY_MS)
        handle.killCell('it did not start a run', 'nobody');
    } else if (now - run.startedAt > run.order.timeoutMs + run.order.graceMs + run.heldMs + OVERDUE_MS)
      handle.killCell('a run in it did not end in time', quietMs > QUIET_MS ? 'suspects' : 'timeout');
  }

  #onMessage(message: SandboxMessage): void {
    switch (message.kind) {
      case 'started':
        if (this.#run === null) return;
        this.#run.startedAt ??= this.#clock.monoMs() - message.forMs;
        if (message.forMs >= SLOW_AFTER_MS && this.#run.turn !== null) this.#options.turns.outlasts(this.#run.turn);
        return;
      case 'settled':
        if (this.#run !== null && this.#run.turn !== null) this.#options.turns.rests(this.#run.turn);
        return;
      case 'stream':
        return this.#options.onEntries(message.entries, this);
      case 'ended': {
        if (message.entries !== undefined) this.#options.onEntries(message.entries, this);
        if (message.run !== this.#run?.id) return;
        const { outcome, error = null, durationMs, intact } = message;
        const { askedAt, sentAt, costMs } = this.#run;
        // SECURITY: what a cell claims is charged to its workspace; a guest has one thread, and no more than the time that passed.
        const cpuMs = Math.min(message.cpuMs, this.#clock.monoMs() - (sentAt ?? askedAt));
        const waitedMs = message.waitedMs + ((sentAt ?? askedAt) - askedAt);
        this.#options.turns.spent(this.#options.request.workspace, cpuMs, costMs);
        // By the clock: where many want the processors, whoever holds one for long is slow, however little of it he gets.
        this.#costMs = Math.min(message.insideMs, this.#clock.monoMs() - (sentAt ?? askedAt));
        const result: RunResult = { outcome, error, waitedMs, durationMs, cpuMs, intact, loss: null };
        if (!intact) {
          this.#end();
          this.#handle?.unload();
        }
        return this.#finish(result);
      }
      default:
        return;
    }
  }

  #onLost(loss: CellLoss): void {
    if (this.#over) return;
    this.#end();
    const run = this.#run;
    if (run === null) return this.#options.onIdleLoss(loss, this);
    const durationMs = this.#clock.monoMs() - (run.startedAt ?? run.sentAt ?? this.#clock.monoMs());
    this.#finish({ ...verdictOf(loss), waitedMs: 0, durationMs, cpuMs: 0, intact: false, loss });
  }

  #end(): void {
    this.#over = true;
    this.#options.onOver?.();
  }

  #giveTurnBack(run: OpenRun | null): void {
    if (run !== null && run.turn !== null) this.#options.turns.giveBack(run.turn);
  }

  #finish(result: RunResult): void {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    this.#giveTurnBack(run);
    this.#cancelWatch();
    run.abort?.abort();
    run.resolve(result);
  }
}

/** A cell whose own thread hangs says nothing at all, and no run of it is overdue. Returns what ends the watch. */
function watchOpening(clock: Clock, handle: SandboxHandle): () => void {
  let heard = handle.cellMessages;
  let looks = 0;
  let cancel: () => void = () => undefined;
  function look(): void {
    looks += 1;
    if (handle.cellMessages === heard || looks === OPEN_LOOKS_MAX) return handle.killCell(GUEST_NOT_MADE, 'nobody');
    heard = handle.cellMessages;
    cancel = clock.after(OPEN_MS_MAX, look);
  }
  cancel = clock.after(OPEN_MS_MAX, look);
  return () => cancel();
}
