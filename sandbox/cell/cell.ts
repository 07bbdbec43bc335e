/**
 * The inside of a cell process: takes the node's messages, keeps the sandboxes, grants slots, and writes what happened. A
 * guest is on the board before it is entered, so the node knows the suspects if the process dies there.
 */
import { type Address, type FromCell, GUEST_NOT_MADE, type LoadSpec, type ToCell } from '../protocol.ts';
import type { CellBackend } from './backend.ts';
import type { Board } from './board.ts';
import { CpuClock } from './cpu-clock.ts';
import { Outbox, type Spacing } from './outbox.ts';
import { Sandbox, type SandboxHost } from './sandbox.ts';
import { SLOW_AFTER_MS, Slots } from './slots.ts';

export interface CellWire {
  /** Writes frames; blocks while the pipe is full. */
  readonly write: (messages: readonly FromCell[]) => void;
  readonly board: Pick<Board, 'write'>;
}

const WATCH_MS = 50;
const SPACING: Spacing = { ms: 1, busyMs: 5, busyMessages: 2 };
/** Making one sandbox takes 3 ms, with Python 200 ms, and some seconds on a machine that is overloaded. */
const GUEST_MS_MAX = 15_000;

/** A call is among what a guest says before its run is over, as a rule. For the end of a run nobody waits, but for that of the first. */
function isAwaited(message: FromCell): boolean {
  if (message.kind === 'ended') return message.run === 1;
  return message.kind !== 'settled' && message.kind !== 'unloaded';
}

export class Cell implements SandboxHost {
  readonly #backend: CellBackend;
  readonly #wire: CellWire;
  readonly #outbox: Outbox<FromCell>;
  readonly #slots: Slots<Sandbox>;
  readonly cpu = new CpuClock();
  readonly #sandboxes = new Map<number, Sandbox>();
  readonly #running = new Set<Sandbox>();
  #pumpScheduled = false;
  #boardStands = true;
  #loads: { sandbox: Sandbox; spec: LoadSpec }[] = [];
  #loading = 0;
  #watch: NodeJS.Timeout | null = null;

  constructor(backend: CellBackend, slots: number, wire: CellWire) {
    this.#backend = backend;
    this.#wire = wire;
    this.#outbox = new Outbox(SPACING, wire.write);
    this.#slots = new Slots(slots);
  }

  handle(message: ToCell): void {
    if (message.kind === 'init') throw new Error('a cell is initialized once');
    if (message.kind === 'slots') {
      this.#slots.resize(message.count);
      return this.#schedulePump();
    }
    if (message.kind === 'load') {
      const sandbox = new Sandbox(
        { sandbox: message.sandbox, incarnation: message.incarnation },
        message.spec.language,
        this,
      );
      this.#sandboxes.set(message.sandbox, sandbox);
      this.#loads.push({ sandbox, spec: message.spec });
      return this.#loadNext();
    }
    const sandbox = this.#find(message);
    if (sandbox === undefined) return;
    switch (message.kind) {
      case 'run': {
        const { fn, info, timeoutMs, world = null, error = null, unresolved } = message;
        return sandbox.begin(message, JSON.stringify({ fn, info, timeoutMs, world, error, unresolved }));
      }
      case 'reply':
        return sandbox.answer({ entry: 'deliver', args: [message.call, message.json] });
      case 'refuse':
        return sandbox.answer({ entry: 'refuse', args: [message.call, message.code, message.message] });
      case 'hold':
        return sandbox.hold(message.run);
      case 'dump':
        return sandbox.aside('dump', message.dump);
      case 'patch': {
        const { patch, replace, changes } = message;
        return sandbox.aside('patch', patch, replace ? 1 : 0, JSON.stringify(changes));
      }
      case 'cancel':
        return sandbox.cancel(message.run);
      case 'unload':
        this.#sandboxes.delete(message.sandbox);
        return sandbox.unload();
    }
  }

  send(message: FromCell): void {
    this.#outbox.push(message, isAwaited(message));
    // Behind this the process may end.
    if (message.kind === 'stuck') this.#outbox.flush();
  }

  /** What waits to be written, before the process ends. */
  flush(): void {
    this.#outbox.flush();
  }

  requestSlot(sandbox: Sandbox): void {
    this.#slots.enqueue(sandbox);
    this.#schedulePump();
  }

  #find(address: Address): Sandbox | undefined {
    const sandbox = this.#sandboxes.get(address.sandbox);
    return sandbox?.address.incarnation === address.incarnation ? sandbox : undefined;
  }

  #schedulePump(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    queueMicrotask(() => this.#pump());
  }

  /** Grants slots, writes who is inside on the board, and only then enters the guests. */
  #pump(): void {
    this.#pumpScheduled = false;
    const entering: Sandbox[] = [];
    for (let sandbox = this.#slots.next(); sandbox !== undefined; sandbox = this.#slots.next()) {
      entering.push(sandbox);
      if (sandbox.canRun) this.#running.add(sandbox);
    }
    if (!this.#boardStands || entering.length > 0) this.#wire.board.write(this.#running);
    this.#boardStands = true;
    for (const sandbox of entering) void this.#enter(sandbox);
  }

  async #enter(sandbox: Sandbox): Promise<void> {
    const from = performance.now();
    this.#watch ??= setInterval(() => this.#watchRunning(), WATCH_MS);
    await sandbox.runSlice();
    this.#running.delete(sandbox);
    this.#boardStands = false;
    this.#slots.release(sandbox, performance.now() - from);
    sandbox.slotReleased();
    this.#schedulePump();
  }

  #watchRunning(): void {
    if (this.#running.size === 0 && this.#watch !== null) {
      clearInterval(this.#watch);
      this.#watch = null;
    }
    const now = performance.now();
    for (const sandbox of this.#running) {
      const since = sandbox.runningSince;
      if (since === null || now - since < SLOW_AFTER_MS) continue;
      this.#slots.outlasts(sandbox, now - since);
      sandbox.tellStarted(now);
      sandbox.watch(now);
    }
    if (this.#running.size > 0) this.#wire.board.write(this.#running);
    this.#schedulePump();
  }

  #loadNext(): void {
    if (this.#loading >= this.#backend.loadsAtOnce) return;
    const next = this.#loads.shift();
    if (next === undefined) return;
    this.#loading += 1;
    void this.#load(next.sandbox, next.spec).finally(() => {
      this.#loading -= 1;
      this.#loadNext();
    });
  }

  async #load(sandbox: Sandbox, spec: LoadSpec): Promise<void> {
    // An isolate that never comes would hold up every later load: then the whole cell is given up.
    const timer = setTimeout(() => {
      this.send({ kind: 'fatal', message: GUEST_NOT_MADE });
      this.flush();
    }, GUEST_MS_MAX);
    try {
      const guest = await this.#backend.createGuest(spec, sandbox);
      clearTimeout(timer);
      sandbox.load(guest, JSON.stringify(spec), spec.limits.loadTimeoutMs);
    } catch (error) {
      clearTimeout(timer);
      const { name = 'Error', message = String(error), stack = '' } = error as Partial<Error>;
      const described = { name, message: message.slice(0, 1_000), stack: stack.slice(0, 4_000) };
      this.send({ kind: 'load-failed', ...sandbox.address, code: 'INTERNAL', error: described });
    }
  }
}
