/**
 * Which worker runs in which cell. A cell holds workers of one workspace and one language; suspects of a cell's death get
 * cells of their own until they have behaved. The pool knows nothing of ticks: it places sandboxes, passes messages on, and
 * says whose cell was lost and why.
 */
import {
  type Backend,
  type FromCell,
  GUEST_NOT_MADE,
  type Inside,
  type LoadSpec,
  type ToCell,
} from '../../sandbox/protocol.ts';
import { RuntimeError } from '../core/errors.ts';
import { MEMORY_BYTES_DEFAULT } from '../core/limits.ts';
import type { CellStatus, RuntimeEvents } from '../runtime.ts';
import { type Blame, type CellLoss, lossesOf } from './cell-loss.ts';
import { BROKE_PROTOCOL, type CellLaunch, CellProcess } from './cell-process.ts';
import { drawJitter, Recycling } from './cell-recycling.ts';
import {
  type Cell,
  type CellPurpose,
  noteInside,
  noteMessage,
  ranLately,
  type SandboxListener,
  type SandboxMessage,
  type Seat,
} from './cell-seats.ts';
import { CellWatch } from './cell-watch.ts';
import { GuestThreads } from './guest-threads.ts';
import { OomWatch } from './oom-watch.ts';

export interface PlaceRequest {
  readonly workspace: string;
  readonly backend: Backend;
  readonly purpose: CellPurpose;
  readonly spec: LoadSpec;
  /** {@link CellLoss.killed} of the loss that brought it into probation. */
  readonly killedBefore?: boolean;
}

/** A message to the sandbox without its address. */
export type SandboxOrder = ToCell extends infer Message
  ? Message extends { readonly sandbox: number }
    ? Omit<Message, 'sandbox' | 'incarnation'>
    : never
  : never;

/** One placed sandbox. Messages sent after `unload` or a loss go nowhere. */
export interface SandboxHandle {
  readonly cellPid: number;
  /** Messages that its cell has sent so far, for whomever: a cell where this stands still may hang. */
  readonly cellMessages: number;
  /** Its guest is running now, as the cell's board says. Reads a file. */
  isInside(): boolean;
  send(order: SandboxOrder): void;
  /** Gives the place back. Late messages of it are dropped. */
  unload(): void;
  /** Nothing else helps. */
  killCell(reason: string, blame: Blame): void;
}

export interface CellPoolOptions {
  readonly launch: (backend: Backend) => CellLaunch;
  /** The first message to a cell. */
  readonly init: (backend: Backend, slots: number) => ToCell;
  /** Must have happened before a Python cell can start (makes the snapshot once). */
  readonly prepare: (backend: Backend) => Promise<void>;
  readonly cellsMax: number;
  readonly workersPerCell: Readonly<Record<Backend, number>>;
  /** Growth allowed beyond the measured start and what each worker may keep. */
  readonly growthBytes: number;
  /** When a cell is replaced. */
  readonly recycle: { readonly ageMs: number; readonly runs: number };
  readonly onEvent: (event: RuntimeEvents['cell']) => void;
  /** Default: {@link OomWatch} asks the kernel. */
  readonly oomKills?: () => number | null;
}

type CellWanted = Pick<PlaceRequest, 'workspace' | 'backend' | 'purpose'>;

const STUCK = {
  memory: 'a worker in it ran out of memory and could not be ended otherwise',
  timeout: 'a worker in it did not end in time and could not be ended otherwise',
  damage: 'a worker in it damaged its sandbox',
} as const;
/** Slots that all cells have together, for each core: more than one hides the hand-over between threads, many more cost throughput. */
export const SLOTS_PER_CORE = 2;
const READY_TIMEOUT_MS = 30_000;
const IDLE_MS = 5_000;
/** What one resident worker may cost a cell before it counts as growth. */
const BASE_PER_WORKER: Readonly<Record<Backend, number>> = { isolate: 4 * 1024 * 1024, pyodide: 160 * 1024 * 1024 };

export class CellPool {
  readonly #options: CellPoolOptions;
  readonly #cells = new Set<Cell>();
  readonly #slotsTotal: number;
  readonly #oom: OomWatch;
  readonly #watch: CellWatch;
  #incarnation = 0;
  #closing = false;

  constructor(options: CellPoolOptions, slotsTotal: number) {
    this.#options = options;
    this.#slotsTotal = slotsTotal;
    this.#oom = new OomWatch(options.oomKills);
    const { recycle, growthBytes, cellsMax } = options;
    const recycling = new Recycling({ ...recycle, growthBytes }, (cell) => this.#replacementOf(cell));
    this.#watch = new CellWatch({
      cells: this.#cells,
      growthBytes,
      onLook: () => recycling.step(this.#cells, performance.now(), this.#cells.size < cellsMax),
      onSecond: () => this.#oom.look(),
    });
  }

  /**
   * Finds or starts a cell and sends the worker there.
   * @throws RuntimeError CELLS_EXHAUSTED, CELL_START_FAILED
   */
  async place(request: PlaceRequest, listener: SandboxListener): Promise<SandboxHandle> {
    await this.#options.prepare(request.backend);
    if (this.#closing) throw new RuntimeError('STOPPED', 'The engine is stopping.');
    const cell = this.#findCell(request) ?? this.#startCell(request);
    const seat: Seat = {
      sandbox: ++cell.lastSeat,
      incarnation: ++this.#incarnation,
      listener,
      allowanceBytes: allowanceOf(request),
      killedBefore: request.killedBefore ?? false,
      placed: false,
      running: false,
      ranAt: -1,
      usedMs: 0,
      named: null,
    };
    cell.seats.set(seat.sandbox, seat);
    cell.allowanceBytes += seat.allowanceBytes;
    cell.peakAllowanceBytes = Math.max(cell.peakAllowanceBytes, cell.allowanceBytes);
    if (cell.idleTimer !== null) clearTimeout(cell.idleTimer);
    cell.idleTimer = null;
    if (!cell.isReady) {
      try {
        await cell.ready;
      } catch (error) {
        cell.seats.delete(seat.sandbox);
        throw error;
      }
    }
    const address = { sandbox: seat.sandbox, incarnation: seat.incarnation };
    const addressText = `,${JSON.stringify(address).slice(1)}`;
    seat.placed = true;
    cell.process.send({ kind: 'load', ...address, spec: request.spec });
    return {
      cellPid: cell.process.pid,
      get cellMessages() {
        return cell.messages;
      },
      isInside: () =>
        cell.process.inside()?.some((one) => one.sandbox === seat.sandbox && one.incarnation === seat.incarnation) ===
        true,
      send: (order) => {
        // Every tick passes here: the address goes on as text, without a copy of the order.
        if (cell.seats.get(seat.sandbox) === seat)
          cell.process.sendText(JSON.stringify(order).slice(0, -1) + addressText);
      },
      unload: () => {
        if (cell.seats.get(seat.sandbox) !== seat) return;
        cell.seats.delete(seat.sandbox);
        cell.allowanceBytes -= seat.allowanceBytes;
        cell.process.send({ kind: 'unload', ...address });
        this.#stopWhenIdle(cell);
      },
      killCell: (reason, blame) => {
        if (blame === 'timeout' || blame === 'crash') seat.named = blame;
        if (blame === 'suspects') cell.cause = 'timeout';
        if (blame === 'nobody') cell.blameless = true;
        cell.process.kill(reason);
      },
    };
  }

  status(): readonly CellStatus[] {
    return [...this.#cells].map((cell) => ({
      pid: cell.process.pid,
      workspace: cell.workspace,
      backend: cell.backend,
      purpose: cell.purpose,
      workers: cell.seats.size,
      rssBytes: cell.rssBytes,
      runs: cell.runs,
      retiring: cell.retiring !== null,
      jail: cell.process.jail,
    }));
  }

  /** Ends every cell; resolves when their processes are gone. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#watch.stop();
    const gone = [...this.#cells].map((cell) => {
      cell.ending = true;
      if (cell.idleTimer !== null) clearTimeout(cell.idleTimer);
      return new Promise<void>((resolve) => {
        this.#goneListeners.set(cell, resolve);
        cell.process.kill('the engine stopped');
      });
    });
    await Promise.all(gone);
  }

  readonly #goneListeners = new Map<Cell, () => void>();

  /** Up before the first worker needs it. One that must be alone gets its own when it comes. */
  async #replacementOf({ workspace, backend, purpose }: Cell): Promise<void> {
    if (purpose !== 'shared') return;
    const wanted = { workspace, backend, purpose };
    const other = this.#findCell(wanted) ?? this.#startCell(wanted);
    await other.ready;
    this.#stopWhenIdle(other);
  }

  #findCell(request: CellWanted): Cell | undefined {
    if (request.purpose !== 'shared') return undefined;
    for (const cell of this.#cells) {
      if (cell.workspace !== request.workspace || cell.backend !== request.backend || cell.purpose !== 'shared')
        continue;
      if (cell.retiring !== null) continue;
      if (!cell.ending && !cell.process.closed && cell.seats.size < this.#options.workersPerCell[cell.backend])
        return cell;
    }
    return undefined;
  }

  #startCell(request: CellWanted): Cell {
    const { workspace, backend, purpose } = request;
    if (this.#cells.size >= this.#options.cellsMax)
      throw new RuntimeError(
        'CELLS_EXHAUSTED',
        `All ${this.#options.cellsMax} cells are in use; stop workers or raise cells.max.`,
      );
    let settle: (error: RuntimeError | null) => void = () => undefined;
    const ready = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === null ? resolve() : reject(error));
    });
    ready.catch(() => undefined);
    const process = new CellProcess(this.#options.launch(backend), {
      onMessage: (message) => this.#onMessage(cell, message),
      onClosed: (reason, fromOutside, inside) => this.#onClosed(cell, reason, fromOutside, inside),
    });
    const timer = setTimeout(
      () => process.kill(`it was not ready within ${READY_TIMEOUT_MS / 1_000} s`),
      READY_TIMEOUT_MS,
    );
    const cell: Cell = {
      process,
      workspace,
      backend,
      purpose,
      seats: new Map(),
      ready,
      settleReady: (error) => {
        clearTimeout(timer);
        settle(error);
      },
      isReady: false,
      readyAt: null,
      runs: 0,
      jitter: drawJitter(),
      retiring: null,
      threads: new GuestThreads(),
      lastSeat: 0,
      allowanceBytes: 0,
      peakAllowanceBytes: 0,
      measures: 0,
      baseRss: 0,
      rssBytes: 0,
      idleTimer: null,
      ending: false,
      messages: 0,
      cause: 'crash',
      blameless: false,
    };
    this.#cells.add(cell);
    process.send(this.#options.init(backend, this.#slotsPerCell()));
    this.#shareSlots();
    this.#watch.start();
    return cell;
  }

  /**
   * The cells share the slots, but each may keep every core busy when the others rest: what all of them run together is limited
   * by the turns that runs wait for (turns.ts).
   */
  #slotsPerCell(): number {
    const least = Math.ceil(this.#slotsTotal / SLOTS_PER_CORE);
    return Math.max(least, Math.floor(this.#slotsTotal / Math.max(1, this.#cells.size)));
  }

  #shareSlots(): void {
    const count = this.#slotsPerCell();
    for (const cell of this.#cells) if (cell.isReady) cell.process.send({ kind: 'slots', count });
  }

  #onMessage(cell: Cell, message: FromCell): void {
    cell.messages += 1;
    switch (message.kind) {
      case 'hello':
        // Only now its pid is known.
        if (cell.messages === 1) this.#report(cell, 'started', null);
        return;
      case 'ready':
        if (cell.isReady) return cell.process.kill(`${BROKE_PROTOCOL}: ready twice`);
        cell.isReady = true;
        cell.readyAt = performance.now();
        cell.baseRss = cell.process.rssBytes();
        cell.settleReady(null);
        cell.process.send({ kind: 'slots', count: this.#slotsPerCell() });
        return this.#report(cell, 'ready', null);
      case 'fatal':
        if (message.message === GUEST_NOT_MADE) cell.blameless = true;
        return cell.process.kill(message.message);
      case 'snapshot':
        return cell.process.kill(`${BROKE_PROTOCOL}: a snapshot nobody asked for`);
      default:
        return this.#onSeatMessage(cell, message);
    }
  }

  #onSeatMessage(cell: Cell, message: SandboxMessage): void {
    const found = cell.seats.get(message.sandbox);
    const seat = found?.incarnation === message.incarnation ? found : undefined;
    if (message.kind === 'stuck') {
      // Also for one that was given back already: its thread would spin in the cell for ever.
      if (seat !== undefined) seat.named = message.cause === 'damage' ? 'crash' : message.cause;
      return cell.process.kill(STUCK[message.cause]);
    }
    if (seat === undefined) return;
    noteMessage(cell, seat, message);
    seat.listener.onMessage(message);
  }

  #onClosed(cell: Cell, reason: string, fromOutside: boolean, inside: readonly Inside[] | null): void {
    this.#cells.delete(cell);
    if (inside !== null) noteInside(cell, inside);
    if (cell.idleTimer !== null) clearTimeout(cell.idleTimer);
    cell.settleReady(new RuntimeError('CELL_START_FAILED', `A cell did not become ready: ${reason}.`));
    const lost = [...cell.seats.values()].filter((seat) => seat.placed);
    cell.seats.clear();
    this.#report(cell, cell.ending ? 'ended' : 'lost', reason, lost.length);
    const { purpose, cause, blameless } = cell;
    const oomKill = fromOutside && this.#oom.rose();
    const losses = lossesOf(
      { reason, purpose, cause, blameless, fromOutside, oomKill },
      lost.map((seat) => ({ ...seat, ranLately: ranLately(cell, seat) })),
    );
    for (const [i, seat] of lost.entries()) seat.listener.onLost(losses[i] as CellLoss);
    this.#shareSlots();
    this.#goneListeners.get(cell)?.();
  }

  #stopWhenIdle(cell: Cell): void {
    if (cell.seats.size > 0 || cell.idleTimer !== null) return;
    cell.idleTimer = setTimeout(() => {
      if (cell.seats.size > 0) return;
      cell.ending = true;
      cell.process.kill(cell.retiring === null ? 'it had nothing to do' : `it was replaced: ${cell.retiring}`);
    }, IDLE_MS);
  }

  #report(cell: Cell, event: RuntimeEvents['cell']['event'], reason: string | null, workers = cell.seats.size): void {
    this.#options.onEvent({ pid: cell.process.pid, backend: cell.backend, event, reason, workers });
  }
}

/** A limit that was raised is a promise: using it must not cost the worker its cell. */
function allowanceOf({ backend, spec }: PlaceRequest): number {
  const raised = spec.limits.memoryBytes - MEMORY_BYTES_DEFAULT[spec.language];
  return BASE_PER_WORKER[backend] + Math.max(0, raised);
}
