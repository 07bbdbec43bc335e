/**
 * One loaded worker in a cell. Everything that enters the guest is a slice, one at a time: the cell grants a slot, the slice
 * runs under what is left of the run's time, and afterwards the guest's stream is read. Between slices the guest stands
 * still: it waits for answers, for timers, or for its next run.
 */
import type { EntryPoint, GuestIsolate, SliceEnd } from '../isolate/guest-isolate.ts';
import type { Address, FromCell, RunOutcome, StreamEntry } from '../protocol.ts';
import type { CpuClock } from './cpu-clock.ts';
import { EntryCollector } from './entries.ts';
import { Deadline, GuestTimers } from './guest-timers.ts';
import {
  CANNOT_RUN,
  endedMessage,
  errorOf,
  LOAD_FAILURES,
  microseconds,
  NO_REPORT,
  OUT_OF_MEMORY,
  Run,
  type RunEnding,
  type RunLimits,
  type RunningSlice,
  type SliceLimits,
} from './run.ts';

export interface SandboxHost {
  readonly cpu: CpuClock;
  send(message: FromCell): void;
  /** Ask for a slot; `runSlice` is called when one is free. */
  requestSlot(sandbox: Sandbox): void;
}

interface Order {
  readonly entry: EntryPoint;
  readonly args: readonly (string | number)[];
}

interface Slice extends Order {
  /** Starts a run. */
  readonly opens?: Run | ((now: number) => Run);
  /** What the node asks for besides: belongs to no run, and outlives one that ends. */
  readonly aside?: { readonly entry: 'dump' | 'patch'; readonly id: number };
}

/** What a slice may still need beyond its limit before its isolate is disposed, and after that. */
const SETTLE_MS = 1_000;
const DISPOSED_SETTLE_MS = 200;
/** 16 MiB of state are said, or taken, in a tenth of a second. */
const ASIDE_MS = 10_000;
/** How often a running guest's stream is read; a big one less often. */
const DRAIN_MS = 100;
const DRAIN_CHARS_PER_MS = 10_000;

export class Sandbox {
  readonly address: Address;
  readonly language: 'javascript' | 'python';
  readonly #host: SandboxHost;
  readonly #entries: EntryCollector;
  #guest: GuestIsolate | null = null;
  #pending: Slice[] = [];
  #run: Run | null = null;
  readonly #timers = new GuestTimers((call) => {
    if (this.#run !== null) this.#push({ entry: 'deliver', args: [call, 'null'] });
  });
  readonly #deadline = new Deadline(() => this.#onDeadline());
  /** Waits for a slot or holds one: it asks for the next only after it has given this one back. */
  #queued = false;
  #slice: RunningSlice | null = null;
  #unloading = false;
  #loaded = false;
  #stuck = false;
  /** Processor time of the slice that runs, from one look to the next; 0 before the first. */
  busyMs = 0;
  /** Processor time of all slices that are over. */
  #usedMs = 0;

  constructor(address: Address, language: 'javascript' | 'python', host: SandboxHost) {
    this.address = address;
    this.language = language;
    this.#host = host;
    this.#entries = new EntryCollector(
      (call, ms) => this.#timers.set(call, ms),
      ({ report, error }) => {
        if (this.#run === null) return;
        this.#run.ended = true;
        this.#run.report ??= report;
        this.#run.error ??= error;
      },
    );
  }

  get runningSince(): number | null {
    return this.#slice?.since ?? null;
  }

  /** The guest waits inside its own write: read the ring, then what did not fit. */
  readonly onSpill = (text: string | null): void => {
    this.#readRing();
    this.#guest?.ring.rewind();
    if (text !== null) this.#guarded(() => this.#entries.add(text));
    if (this.#entries.full) this.#sendStream();
  };

  readonly onCatastrophe = (): void => this.#reportStuck('memory');

  /** The isolate is ready: run the module body. */
  load(guest: GuestIsolate, specJson: string, timeoutMs: number): void {
    if (this.#unloading) {
      guest.dispose();
      return this.#finishUnload();
    }
    this.#guest = guest;
    const opens = (now: number): Run => new Run({ id: 0, timeoutMs, graceMs: 0, now, cpuBeforeMs: this.#usedMs });
    this.#push({ entry: 'load', args: [specJson], opens });
  }

  begin(message: RunLimits, orderJson: string): void {
    const guest = this.#guest;
    if (guest === null || guest.disposed || !this.#loaded || this.#run !== null) {
      // Between two runs nothing else ends a loaded guest: V8's limit was met by the collector after the last one.
      const ending = this.#loaded && guest?.disposed === true && this.#run === null ? OUT_OF_MEMORY : CANNOT_RUN;
      return this.#neverRan(message.run, { ...ending, intact: false });
    }
    const { run: id, ...limits } = message;
    const askedAt = performance.now();
    const opens = (now: number): Run => new Run({ ...limits, id, askedAt, now, cpuBeforeMs: this.#usedMs });
    this.#push({ entry: 'begin', args: [orderJson], opens });
  }

  answer(slice: { entry: 'deliver' | 'refuse'; args: readonly (string | number)[] }): void {
    this.#run?.resume(performance.now());
    if (this.#run !== null) this.#push(slice);
  }

  hold(run: number): void {
    if (this.#run?.id !== run) return;
    this.#run.hold(performance.now());
    this.#armDeadline();
  }

  /** Behind what the guest does now. What cannot be had is said to be so. */
  aside(entry: 'dump' | 'patch', id: number, ...args: readonly (string | number)[]): void {
    if (this.#loaded && this.#guest?.disposed === false)
      return this.#push({ entry, args: [id, ...args], aside: { entry, id } });
    this.#entries.failed(entry, id);
    this.#sendStream();
  }

  cancel(run: number): void {
    const current = this.#run;
    if (current !== null && current.id !== run) return;
    if (current === null) {
      // The run still waits for its slot.
      const before = this.#pending.length;
      this.#pending = this.#pending.filter((slice) => slice.entry !== 'begin');
      if (this.#pending.length < before) this.#neverRan(run, { outcome: 'cancelled', error: null, intact: true });
      return;
    }
    current.phase = 'cancelled';
    if (this.#slice !== null) this.#guest?.dispose();
    else this.#finish('cancelled', this.language === 'javascript');
  }

  unload(): void {
    this.#unloading = true;
    this.#deadline.disarm();
    this.#timers.clear();
    this.#pending = [];
    this.#run = null;
    this.#guest?.dispose();
    if (this.#slice === null) this.#finishUnload();
  }

  /** Enters the guest once. The cell holds a slot for it until it has called {@link slotReleased}. */
  async runSlice(): Promise<void> {
    const slice = this.#pending.shift();
    const guest = this.#guest;
    if (slice === undefined || guest === null || guest.disposed) return;
    if (slice.aside !== undefined) return this.#runAside(slice.aside, slice.args, guest);
    const since = performance.now();
    if (slice.opens !== undefined) this.#run = slice.opens instanceof Run ? slice.opens : slice.opens(since);
    const run = this.#run;
    if (run === null) return;
    this.#deadline.disarm();
    const limitMs = run.held ? run.timeoutMs : run.leftMs(since);
    if (limitMs <= 0) return this.#afterSlice({ kind: 'terminated' });
    this.#afterSlice(await this.#inside(guest, slice, { run, since, limitMs }));
  }

  async #inside(guest: GuestIsolate, { entry, args }: Order, limits: SliceLimits): Promise<SliceEnd> {
    const { cpu } = this.#host;
    const cpuFrom = cpu.enter();
    this.busyMs = 0;
    this.#slice = { ...limits, nextDrainAt: limits.since + DRAIN_MS, disposedAt: null, cpuFrom, cpuSeen: 0 };
    const end = await guest.enter(entry, args, limits.limitMs);
    this.#usedMs += cpu.leave() - cpuFrom;
    if (limits.run !== null) limits.run.insideMs += performance.now() - limits.since;
    this.#slice = null;
    return end;
  }

  async #runAside({ entry, id }: NonNullable<Slice['aside']>, args: Slice['args'], guest: GuestIsolate): Promise<void> {
    const since = performance.now();
    this.#deadline.disarm();
    const usedBeforeMs = this.#usedMs;
    const end = await this.#inside(guest, { entry, args }, { run: null, since, limitMs: ASIDE_MS });
    if (this.#unloading) return this.#finishUnload();
    this.#readRing();
    if (!guest.disposed) guest.ring.rewind();
    if (end.kind !== 'returned') this.#entries.failed(entry, id);
    // Whatever happened here, the run did not do it.
    if (guest.disposed && this.#run !== null) return this.#finish('cancelled', false);
    this.#sendStream();
    this.#host.send({ kind: 'settled', ...this.address });
    this.#run?.extend(performance.now() - since, this.#usedMs - usedBeforeMs);
    this.#armDeadline();
  }

  slotReleased(): void {
    this.#queued = false;
    if (this.#pending.length > 0) this.#requestSlot();
  }

  get canRun(): boolean {
    return this.#pending.length > 0 && this.#guest !== null && !this.#guest.disposed;
  }

  /** Called every few tens of milliseconds while a slice runs. */
  watch(now: number): void {
    const slice = this.#slice;
    const guest = this.#guest;
    if (slice === null || guest === null || this.#stuck) return;
    const usedMs = this.#host.cpu.read() - slice.cpuFrom;
    this.busyMs = usedMs - slice.cpuSeen;
    slice.cpuSeen = usedMs;
    if (now >= slice.nextDrainAt) {
      this.#readRing();
      const chars = this.#entries.chars;
      this.#sendStream();
      slice.nextDrainAt = now + Math.max(DRAIN_MS, chars / DRAIN_CHARS_PER_MS);
    }
    if (slice.run?.hasOverspent(this.#usedMs + usedMs) === true && slice.run.phase === 'running') {
      slice.run.phase = 'overspent';
      guest.dispose();
    }
    if (now - slice.since > slice.limitMs + SETTLE_MS) guest.dispose();
    if (!guest.disposed) return;
    slice.disposedAt ??= now;
    if (now - slice.disposedAt >= DISPOSED_SETTLE_MS)
      this.#reportStuck(now - slice.since < slice.limitMs && slice.run?.phase !== 'overspent' ? 'memory' : 'timeout');
  }

  #push(slice: Slice): void {
    this.#pending.push(slice);
    this.#requestSlot();
  }

  #requestSlot(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#host.requestSlot(this);
  }

  #afterSlice(end: SliceEnd): void {
    if (this.#unloading) return this.#finishUnload();
    const run = this.#run;
    this.#readRing();
    if (run === null) return;
    if (this.#guest?.disposed !== true) this.#guest?.ring.rewind();
    // Also where the order came when the slice was as good as over: its guest is gone, and nothing else would end the run.
    if (run.phase === 'cancelled') return this.#finish('cancelled', false);
    if (run.phase === 'overspent') return this.#finish('cpu', false);
    const overspent = run.hasOverspent(this.#usedMs);
    switch (end.kind) {
      case 'threw':
        run.error ??= end.error;
        break;
      case 'terminated':
        return this.#finish('timeout', this.language === 'javascript');
      case 'disposed':
        return this.#finish(run.leftMs(performance.now()) <= 0 ? 'timeout' : 'memory', false);
      case 'returned':
        break;
    }
    // What it did is done; but a limit that counts only where somebody looks would be a lottery.
    if (overspent) return this.#finish('cpu', this.language === 'javascript');
    if (run.ended && this.#guest?.ring.openCalls === 0) {
      const outOfMemory = this.language === 'python' && run.error?.name === 'MemoryError';
      const broken = this.language === 'python' && run.error?.name === 'InterpreterError';
      const outcome = outOfMemory ? 'memory' : run.error === null ? 'ok' : 'error';
      return this.#finish(
        run.phase === 'expired' ? 'timeout' : outcome,
        !outOfMemory && !broken && run.phase === 'running',
      );
    }
    this.tellStarted(performance.now());
    this.#sendStream();
    this.#host.send({ kind: 'settled', ...this.address });
    this.#armDeadline();
  }

  /** Most runs are over before it is worth a message that they have begun; of one that goes on the node must know since when. */
  tellStarted(now: number): void {
    const run = this.#run;
    if (run === null || run.told) return;
    run.told = true;
    this.#host.send({ kind: 'started', ...this.address, forMs: microseconds(now - run.startedAt) });
  }

  #finish(outcome: RunOutcome, intact: boolean): void {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    this.#deadline.disarm();
    this.#timers.clear();
    this.#pending = this.#pending.filter((slice) => slice.opens !== undefined || slice.aside !== undefined);
    const entries = run.id === 0 ? this.#sendStream() : this.#sendStreamButLast();
    const now = performance.now();
    const error = errorOf(run, outcome);
    const whole =
      (intact || (this.language === 'javascript' && outcome === 'timeout')) && this.#guest?.disposed === false;
    if (run.id === 0) {
      if (outcome === 'ok' && run.report !== null) {
        this.#loaded = true;
        this.#host.send({ kind: 'loaded', ...this.address, report: run.report });
      } else {
        const code = LOAD_FAILURES[outcome];
        this.#host.send({ kind: 'load-failed', ...this.address, code, error: error ?? NO_REPORT });
      }
    } else {
      const cpuMs = this.#usedMs - run.cpuBeforeMs;
      const ending = { outcome, error, durationMs: now - run.startedAt, cpuMs, intact: whole, entries };
      this.#host.send(endedMessage(this.address, run, ending));
    }
    if (!whole) this.#guest?.dispose();
  }

  #neverRan(id: number, ending: Pick<RunEnding, 'outcome' | 'error' | 'intact'>): void {
    this.#host.send(
      endedMessage(this.address, { id, waitedMs: 0, insideMs: 0 }, { ...ending, durationMs: 0, cpuMs: 0 }),
    );
  }

  #sendStream(): undefined {
    for (const entries of this.#entries.takeParts()) this.#host.send({ kind: 'stream', ...this.address, entries });
  }

  /** What is not too much for one message is left to the caller. */
  #sendStreamButLast(): readonly StreamEntry[] | undefined {
    const parts = this.#entries.takeParts();
    for (const entries of parts.slice(0, -1)) this.#host.send({ kind: 'stream', ...this.address, entries });
    return parts.at(-1);
  }

  #readRing(): void {
    this.#guarded(() => this.#guest?.ring.read((entry) => this.#entries.add(entry)));
  }

  /** SECURITY: only a guest that broke out of the prelude can write what makes no sense; then its whole cell must go. */
  #guarded(read: () => void): void {
    try {
      read();
    } catch {
      this.#reportStuck('damage');
    }
  }

  #armDeadline(): void {
    const run = this.#run;
    if (run === null || run.held) return this.#deadline.disarm();
    this.#deadline.arm(run.leftMs(performance.now()));
  }

  #onDeadline(): void {
    const run = this.#run;
    if (run === null || this.#slice !== null || run.held) return;
    if (run.phase !== 'running' || run.graceMs <= 0) return this.#finish('timeout', false);
    run.expire(performance.now());
    this.#push({ entry: 'expire', args: [] });
    this.#armDeadline();
  }

  #finishUnload(): void {
    this.#guest = null;
    this.#host.send({ kind: 'unloaded', ...this.address });
  }

  #reportStuck(cause: 'memory' | 'timeout' | 'damage'): void {
    if (this.#stuck) return;
    this.#stuck = true;
    this.#host.send({ kind: 'stuck', ...this.address, cause });
  }
}
