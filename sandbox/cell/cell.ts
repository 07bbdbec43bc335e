/**
 * The inside of a cell process: takes the node's messages, keeps the sandboxes, grants slots, and writes what happened. The
 * line `started` is on the pipe before the guest is entered, so the node knows the suspects if the process dies there.
 */
import { type Address, type FromCell, GUEST_NOT_MADE, type LoadSpec, type ToCell } from '../protocol.ts';
import type { CellBackend } from './backend.ts';
import { Sandbox, type SandboxHost } from './sandbox.ts';
import { SLOW_AFTER_MS, Slots } from './slots.ts';

const WATCH_MS = 50;
/** Making one sandbox takes 3 ms, with Python 200 ms, and some seconds on a machine that is overloaded. */
const GUEST_MS_MAX = 15_000;

export class Cell implements SandboxHost {
  readonly #backend: CellBackend;
  /** Writes frames; blocks while the pipe is full. */
  readonly #write: (messages: readonly FromCell[]) => void;
  readonly #slots: Slots<Sandbox>;
  readonly #sandboxes = new Map<number, Sandbox>();
  readonly #running = new Set<Sandbox>();
  #outbox: FromCell[] = [];
  #pumpScheduled = false;
  #loads: { sandbox: Sandbox; spec: LoadSpec }[] = [];
  #loading = 0;
  #watch: NodeJS.Timeout | null = null;

  constructor(backend: CellBackend, slots: number, write: (messages: readonly FromCell[]) => void) {
    this.#backend = backend;
    this.#write = write;
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
        const { fn, info, timeoutMs, world = null, error = null } = message;
        return sandbox.begin(message, JSON.stringify({ fn, info, timeoutMs, world, error }));
      }
      case 'reply':
        return sandbox.answer({ entry: 'deliver', args: [message.call, message.json] });
      case 'refuse':
        return sandbox.answer({ entry: 'refuse', args: [message.call, message.code, message.message] });
      case 'hold':
        return sandbox.hold(message.run);
      case 'dump':
        return sandbox.dump(message.dump);
      case 'cancel':
        return sandbox.cancel(message.run);
      case 'unload':
        this.#sandboxes.delete(message.sandbox);
        return sandbox.unload();
    }
  }

  send(message: FromCell): void {
    this.#outbox.push(message);
    this.#schedulePump();
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

  /** Grants slots, writes everything that is due in one frame, and only then enters the guests. */
  #pump(): void {
    this.#pumpScheduled = false;
    const entering: Sandbox[] = [];
    for (let sandbox = this.#slots.next(); sandbox !== undefined; sandbox = this.#slots.next()) {
      entering.push(sandbox);
      if (sandbox.canRun) this.#outbox.push({ kind: 'started', ...sandbox.address });
    }
    this.#flush();
    for (const sandbox of entering) void this.#enter(sandbox);
  }

  #flush(): void {
    if (this.#outbox.length === 0) return;
    const messages = this.#outbox;
    this.#outbox = [];
    this.#write(messages);
  }

  async #enter(sandbox: Sandbox): Promise<void> {
    const from = performance.now();
    this.#running.add(sandbox);
    this.#watch ??= setInterval(() => this.#watchRunning(), WATCH_MS);
    await sandbox.runSlice();
    this.#running.delete(sandbox);
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
      sandbox.watch(now);
    }
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
    const timer = setTimeout(() => this.#write([{ kind: 'fatal', message: GUEST_NOT_MADE }]), GUEST_MS_MAX);
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
