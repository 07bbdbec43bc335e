/**
 * One worker's life in this node. `#live` is that life as it is lived, top to bottom: get a sandbox, set it up, wait, tick,
 * deal with what went wrong, again. Everything from outside (stop, new settings, a lost cell) only wakes it; `#to` makes
 * every change of state and asks life.ts whether it is legal. What must survive is in the head, which every commit carries.
 */
import type { GuestError, StreamEntry } from '../../sandbox/protocol.ts';
import { RuntimeError, toRuntimeError } from '../core/errors.ts';
import { TIMEOUT_GRACE_MS } from '../core/limits.ts';
import type { TickRecord } from '../store/contracts.ts';
import type { CompiledWorker, WorkerDefinition, WorkerSettings } from '../workers/definition.ts';
import type { CellLoss, CellPurpose } from './cell-pool.ts';
import { Calls } from './guest-calls.ts';
import type { WorkerHead } from './head.ts';
import type { Ledger } from './ledger.ts';
import { isLegal, type WorkerState } from './life.ts';
import { loadSpec } from './load-spec.ts';
import { type RunResult, Session } from './session.ts';
import type { SlotServices } from './slot-services.ts';
import { WorkerClock } from './worker-clock.ts';

type Wake = 'due' | 'changed' | 'lost' | 'stop';

/** A run that failed and whose `on_error` has not been called yet. */
interface Failure {
  readonly error: GuestError;
  /** Counted as an error of the worker. */
  readonly counted: boolean;
  readonly during: 'setup' | 'tick';
}

const BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000] as const;
const REPLACE_BACKOFF_MS = [0, 100, 500, 2_000, 5_000, 10_000] as const;
/** A suspect that has behaved for this long goes back among the others. */
const PROBATION_MS = 60_000;

export class WorkerSlot {
  readonly id: string;
  readonly #s: SlotServices;
  readonly #calls: Calls;
  readonly #clock: WorkerClock;
  #definition: WorkerDefinition;
  #compiled: CompiledWorker;
  #ledger: Ledger;
  #head: WorkerHead;
  #state: WorkerState = 'stopped';
  #beforePause: WorkerState = 'waiting';
  #reason: string | null = null;
  #session: Session | null = null;
  #prepared = false;
  #life: Promise<void> | null = null;
  #wake: ((why: Wake) => void) | null = null;
  #ending: 'stop' | 'suspend' | null = null;
  #failure: Failure | null = null;
  #reload: string | null = null;
  #replacements = 0;
  #suspectSince: number | null = null;
  #skippedBefore = 0;
  #midCommitScheduled = false;

  constructor(
    services: SlotServices,
    parts: { id: string; definition: WorkerDefinition; compiled: CompiledWorker; ledger: Ledger; head: WorkerHead },
  ) {
    this.id = parts.id;
    this.#s = services;
    this.#definition = parts.definition;
    this.#compiled = parts.compiled;
    this.#ledger = parts.ledger;
    this.#head = parts.head;
    this.#clock = new WorkerClock(services.clock);
    this.#calls = new Calls(services, {
      worker: parts.id,
      tick: () => this.#head.tick,
      commit: () => this.#ledger.commit(this.#headJson()),
      settled: () => this.#ledger.settled,
    });
  }

  get state(): WorkerState {
    return this.#state;
  }
  get reason(): string | null {
    return this.#reason;
  }
  get definition(): WorkerDefinition {
    return this.#definition;
  }
  get compiled(): CompiledWorker {
    return this.#compiled;
  }
  get head(): Readonly<WorkerHead> {
    return this.#head;
  }
  get ledger(): Ledger {
    return this.#ledger;
  }
  get cellPid(): number | null {
    return this.#session?.cellPid ?? null;
  }
  get nextDueWallMs(): number | null {
    return this.#state === 'waiting' || this.#state === 'parked' ? this.#clock.nextDueWallMs : null;
  }
  /** May lose its globals between two ticks without noticing. */
  get recyclable(): boolean {
    const report = this.#session?.report;
    if (report?.functions.includes('resume') === true) return true;
    return !(report?.setupBindsGlobals === true || this.#compiled.setupBindsGlobals);
  }

  /** A start in the sense of the glossary: setup will run. Resolves once it is recorded. */
  async start(by: string): Promise<void> {
    if (this.#life !== null) return;
    this.#head = {
      ...this.#head,
      desired: 'running',
      actual: 'running',
      reason: null,
      startId: this.#s.newId(),
      setupDone: null,
      startedBy: by,
      version: this.#compiled.version,
      errors: 0,
      inFlight: true,
      anchor: this.#clock.start(this.#s.phase(this.id, this.#definition.settings.schedule)),
    };
    this.#failure = null;
    this.#suspectSince = null;
    await this.#begin();
  }

  /** Goes on with a worker that was running when the last owner ended. */
  async resume(cause: string): Promise<void> {
    if (this.#life !== null) return;
    const { head } = this;
    this.#head = { ...head, startedBy: cause, tick: head.inFlight ? head.tick + 1 : head.tick, inFlight: true };
    this.#clock.resume(head.anchor, head.lastTickAt, this.#definition.settings.schedule);
    await this.#begin();
  }

  /** `failed` and `invalid` are shown again after a node restart. */
  restore(state: 'failed' | 'invalid' | 'stopped', reason: string | null): void {
    this.#state = state;
    this.#reason = reason;
  }

  /** Ends the life and waits for it. `suspend` keeps the worker's wish to run. `now` cuts the tick in flight. */
  async end(how: 'stop' | 'suspend', now: boolean): Promise<void> {
    if (this.#life === null) {
      if (how === 'stop' && this.#head.desired === 'running') await this.#settle('stopped', null);
      return;
    }
    this.#ending = this.#ending === 'stop' ? 'stop' : how;
    if (this.#state !== 'stopping') this.#to('stopping', null);
    if (now) this.cancel();
    this.#wakeUp('stop');
    await this.#life;
  }

  /** Cuts the run in flight. */
  cancel(): void {
    this.#session?.cancel();
  }

  /** New code. The caller has ended the life before. */
  replaceCode(definition: WorkerDefinition, compiled: CompiledWorker): void {
    this.#definition = definition;
    this.#compiled = compiled;
  }

  reconfigure(settings: WorkerSettings): void {
    const before = this.#definition.settings;
    this.#definition = { ...this.#definition, settings };
    if (JSON.stringify(before.schedule) !== JSON.stringify(settings.schedule)) {
      const anchor = this.#clock.reschedule(settings.schedule);
      this.#head = { ...this.#head, anchor };
    }
    const reloads: readonly (keyof WorkerSettings)[] = ['params', 'memoryBytes', 'isolation'];
    if (reloads.some((key) => JSON.stringify(before[key]) !== JSON.stringify(settings[key])))
      this.#reload = 'new settings';
    this.#wakeUp('changed');
  }

  /** Called every few seconds: repairs what should not happen. */
  reconcile(): void {
    this.#session?.checkOverdue();
    const { schedule } = this.#definition.settings;
    if (this.#state !== 'waiting' || schedule.kind !== 'interval') return;
    if (this.#clock.overdueMs() < Math.max(3 * schedule.intervalMs, 1_000)) return;
    this.#s.log('warn', `worker ${this.id} was overdue by three intervals and was woken`, { worker: this.id });
    this.#wakeUp('changed');
  }

  async #begin(): Promise<void> {
    this.#to('loading', null);
    this.#ending = null;
    this.#replacements = 0;
    this.#life = this.#live().finally(() => {
      this.#life = null;
    });
    await this.#ledger.commit(this.#headJson());
  }

  async #live(): Promise<void> {
    try {
      while (this.#ending === null && this.#head.actual === 'running') {
        if (this.#session?.alive !== true && !(await this.#open())) continue;
        const session = this.#session as Session | null;
        if (session === null) continue;
        if (this.#failure !== null) await this.#handle(session, this.#failure);
        else if (!this.#prepared) await this.#prepare(session);
        else await this.#next(session);
      }
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      if (error.code !== 'FENCED' && error.code !== 'STALE' && error.code !== 'STOPPED')
        this.#s.log('error', `worker ${this.id} broke inside the engine: ${error.stack ?? error.message}`, {
          worker: this.id,
        });
      this.#head = { ...this.#head, actual: 'failed', reason: `${error.code}: ${error.message}` };
    }
    this.#dropSession();
    await this.#close();
  }

  /** The life is over: how it stands now is recorded and shown. */
  async #close(): Promise<void> {
    const { actual, reason } = this.#head;
    try {
      if (actual === 'running') await this.#settle(this.#ending === 'suspend' ? 'suspended' : 'stopped', null);
      else await this.#settle(actual === 'stopped' ? 'stopped' : actual, reason);
    } catch (thrown) {
      // Fenced or shut down: the next owner decides by what is stored.
      this.#show('failed', toRuntimeError(thrown).message);
    }
  }

  async #settle(how: 'stopped' | 'suspended' | 'failed' | 'invalid', reason: string | null): Promise<void> {
    this.#head = {
      ...this.#head,
      desired: how === 'stopped' ? 'stopped' : this.#head.desired,
      actual: how === 'suspended' ? 'running' : how,
      reason,
      inFlight: false,
    };
    await this.#ledger.commit(this.#headJson());
    this.#show(how === 'suspended' ? 'stopped' : how, reason);
  }

  #show(state: 'stopped' | 'failed' | 'invalid', reason: string | null): void {
    if (state === 'stopped' && this.#state !== 'stopping' && this.#state !== 'stopped') this.#to('stopping', null);
    if (this.#state !== state) this.#to(state, reason);
  }

  /** Loads the worker into a sandbox. False: look again (it waited, failed or was stopped). */
  async #open(): Promise<boolean> {
    const pause = REPLACE_BACKOFF_MS[Math.min(this.#replacements, REPLACE_BACKOFF_MS.length - 1)] as number;
    if (this.#state !== 'loading') this.#to(this.#state === 'parked' ? 'loading' : 'recovering', this.#reason);
    if (pause > 0 && (await this.#sleep(pause)) === 'stop') return false;
    if (this.#state !== 'loading') this.#to('loading', this.#reason);
    this.#replacements += 1;
    // Every journal of the old sandbox is committed or refused before the state is read for the new one.
    if (!this.#ledger.settled) await this.#ledger.commit(this.#headJson());
    const stored = await this.#s.readState(this.id);
    if (this.#ending !== null) return false;
    const purpose: CellPurpose = this.#suspectSince === null ? this.#definition.settings.isolation : 'probation';
    let opened: Awaited<ReturnType<typeof Session.open>>;
    try {
      opened = await Session.open({
        pool: this.#s.pool,
        clock: this.#s.clock,
        request: {
          workspace: this.#definition.workspace,
          backend: this.#compiled.language === 'python' ? 'pyodide' : 'isolate',
          purpose,
          spec: loadSpec(this.#definition, this.#compiled, this.#s.dispatcher, stored),
        },
        onEntries: (entries, session) => this.#onEntries(entries, session),
        onIdleLoss: (loss, session) => this.#onIdleLoss(loss, session),
      });
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      this.#to('recovering', error.message);
      return false;
    }
    switch (opened.kind) {
      case 'loaded':
        this.#session = opened.session;
        this.#prepared = false;
        this.#reload = null;
        this.#reason = null;
        this.#adviseOnGlobals(opened.session);
        return true;
      case 'lost':
        this.#to('recovering', opened.loss.reason);
        this.#judge(opened.loss);
        if (opened.loss.culprit) await this.#countLoadError(`loading it took its process down (${opened.loss.reason})`);
        return false;
      case 'failed':
        await this.#onLoadFailed(opened.code, opened.error);
        return false;
    }
  }

  async #onLoadFailed(code: string, error: GuestError): Promise<void> {
    const text = `${error.name}: ${error.message}\n${this.#compiled.mapStack(error.stack)}`.trim();
    if (code === 'INTERNAL') {
      this.#s.log('error', `loading worker ${this.id} failed: ${text}`, { worker: this.id });
      return this.#to('recovering', 'the sandbox could not be made');
    }
    this.#calls.log('error', `The worker cannot be loaded. ${text}`, null);
    if (this.#head.setupDone === this.#head.startId) return this.#countLoadError(error.message);
    this.#head = { ...this.#head, actual: 'invalid', reason: text.slice(0, 2_000) };
  }

  async #countLoadError(message: string): Promise<void> {
    const errors = this.#head.errors + 1;
    this.#head = { ...this.#head, errors, lastOutcome: 'error' };
    if (errors >= this.#definition.settings.maxErrors)
      this.#head = {
        ...this.#head,
        actual: 'failed',
        reason: `${errors} errors in a row; the last: ${message}`.slice(0, 2_000),
      };
    await this.#ledger.commit(this.#headJson());
  }

  /** `setup` on a start, `resume` (or `setup` again where it binds globals) after the engine's own restarts. */
  async #prepare(session: Session): Promise<void> {
    const { functions = [], setupBindsGlobals = false } = session.report ?? {};
    const isStart = this.#head.setupDone !== this.#head.startId;
    const rebinds =
      !isStart && !functions.includes('resume') && (setupBindsGlobals || this.#compiled.setupBindsGlobals);
    const fn = isStart || rebinds ? 'setup' : 'resume';
    if (functions.includes(fn)) {
      this.#to('setup', null);
      if (rebinds)
        this.#calls.log(
          'info',
          'setup runs again: it binds globals, they were lost, and there is no resume(ctx).',
          null,
        );
      const { setupTimeoutMs } = this.#definition.settings;
      const result = await this.#run(session, fn, setupTimeoutMs);
      if (result.outcome !== 'ok') return this.#onSetupFailed(fn, result);
    }
    this.#head = { ...this.#head, setupDone: this.#head.startId };
    await this.#ledger.commit(this.#headJson());
    this.#prepared = true;
    this.#replacements = 0;
    this.#to('waiting', null);
    if (isStart) this.#clock.tickNow();
  }

  async #onSetupFailed(fn: 'setup' | 'resume', result: RunResult): Promise<void> {
    if (!this.#account(result)) return this.#afterLoss(result);
    this.#record(fn === 'setup' ? 'setup' : 'setup', result, this.#s.clock.wallMs(), 0, 0);
    await this.#ledger.commit(this.#headJson());
    this.#failure = { error: result.error ?? NO_ERROR, counted: true, during: 'setup' };
    this.#afterLoss(result);
  }

  async #next(session: Session): Promise<void> {
    if (this.#reload !== null && this.recyclable) return this.#recycle(this.#reload);
    const due = this.#clock.next(this.#definition.settings.schedule);
    if (this.#state !== 'waiting') this.#to('waiting', null);
    if (this.#s.mayPark(this, due.waitMs)) {
      this.#dropSession();
      this.#to('parked', null);
      await this.#sleep(Math.max(0, due.waitMs - this.#s.parkLeadMs));
      return;
    }
    const why = await this.#waitUntil(due.dueMono);
    if (why !== 'due' || !session.alive) {
      if (!session.alive && this.#ending === null) this.#to('recovering', this.#reason);
      return;
    }
    if (!this.#clock.take(due)) return;
    await this.#tick(session, due.dueMono, due.dueWall, due.skipped);
  }

  async #tick(session: Session, dueMono: number, dueWall: number, skipped: number): Promise<void> {
    this.#to('ticking', null);
    const { settings } = this.#definition;
    const lastTickAt = this.#head.lastTickAt;
    const latenessMs = Math.max(0, this.#s.clock.monoMs() - dueMono);
    const startedAt = this.#s.clock.wallMs();
    this.#head = {
      ...this.#head,
      tick: this.#head.tick + 1,
      skipped: this.#head.skipped + skipped,
      lastTickAt: startedAt,
    };
    this.#skippedBefore = skipped;
    const result = await this.#run(session, 'tick', settings.tickTimeoutMs, { dueAt: dueWall, lastTickAt });
    const counted = result.outcome !== 'ok' && this.#account(result);
    this.#head = {
      ...this.#head,
      errors: result.outcome === 'ok' ? 0 : this.#head.errors,
      lastOutcome: result.outcome,
    };
    await this.#ledger.commit(this.#headJson());
    this.#record('tick', result, dueWall, latenessMs, startedAt);
    if (counted) this.#failure = { error: result.error ?? NO_ERROR, counted, during: 'tick' };
    this.#afterLoss(result);
    if (result.outcome === 'ok') this.#afterGoodTick();
  }

  #afterGoodTick(): void {
    if (this.#suspectSince === null || this.#s.clock.monoMs() - this.#suspectSince < PROBATION_MS) return;
    if (!this.recyclable) return;
    this.#suspectSince = null;
    this.#reload = 'probation is over';
  }

  /** Counts what the worker is to blame for. A cell lost to someone else, a stop, a store away never count. */
  #account(result: RunResult): boolean {
    const blamed = result.outcome === 'cell-lost' ? result.loss?.culprit === true : result.outcome !== 'cancelled';
    if (blamed) this.#head = { ...this.#head, errors: this.#head.errors + 1 };
    return blamed;
  }

  /** Drops a sandbox that cannot be used again. */
  #afterLoss(result: RunResult): void {
    if (result.loss !== null) this.#judge(result.loss);
    if (result.intact) return;
    this.#dropSession();
    if (this.#ending === null && this.#state !== 'recovering') this.#to('recovering', result.error?.message ?? null);
  }

  #judge(loss: CellLoss): void {
    if (loss.suspect) this.#suspectSince = this.#s.clock.monoMs();
  }

  async #handle(session: Session, failure: Failure): Promise<void> {
    this.#failure = null;
    const { settings } = this.#definition;
    if (session.report?.functions.includes('on_error') === true) {
      this.#to('handling', null);
      const result = await this.#run(session, 'on_error', settings.onErrorTimeoutMs, {}, failure.error);
      if (result.outcome !== 'ok' && result.outcome !== 'cancelled' && result.error !== null)
        this.#calls.log('error', `on_error failed itself: ${this.#describe(result.error)}`, null);
      await this.#ledger.commit(this.#headJson());
      if (!result.intact) this.#afterLoss(result);
    }
    if (this.#head.errors >= settings.maxErrors) {
      const reason = `${this.#head.errors} errors in a row; the last: ${failure.error.name}: ${failure.error.message}`;
      this.#head = { ...this.#head, actual: 'failed', reason: reason.slice(0, 2_000) };
      return;
    }
    if (failure.during === 'setup' && this.#ending === null) {
      if (this.#state !== 'recovering') this.#to('backoff', failure.error.message);
      await this.#sleep(BACKOFF_MS[Math.min(this.#head.errors - 1, BACKOFF_MS.length - 1)] as number);
    }
  }

  #recycle(reason: string): void {
    this.#dropSession();
    this.#to('loading', reason);
    this.#replacements = 0;
  }

  async #run(
    session: Session,
    fn: 'setup' | 'tick' | 'resume' | 'on_error',
    timeoutMs: number,
    times: { dueAt?: number; lastTickAt?: number | null } = {},
    error?: GuestError,
  ): Promise<RunResult> {
    const { schedule } = this.#definition.settings;
    const { tick, startedBy } = this.#head;
    const result = await session.run({
      fn,
      timeoutMs,
      graceMs: TIMEOUT_GRACE_MS,
      info: {
        tick,
        intervalMs: schedule.kind === 'interval' ? schedule.intervalMs : null,
        dueAt: times.dueAt ?? this.#s.clock.wallMs(),
        lastTickAt: times.lastTickAt === undefined ? this.#head.lastTickAt : times.lastTickAt,
        startedBy,
      },
      ...(error === undefined ? {} : { error }),
    });
    if (result.error === null) return result;
    return { ...result, error: { ...result.error, stack: this.#compiled.mapStack(result.error.stack) } };
  }

  #record(fn: 'setup' | 'tick', result: RunResult, dueAt: number, latenessMs: number, startedAt: number): void {
    const record: TickRecord = {
      worker: this.id,
      tick: this.#head.tick,
      fn,
      outcome: result.outcome,
      dueAt,
      startedAt: startedAt === 0 ? dueAt : startedAt,
      durationMs: result.durationMs,
      cpuMs: result.cpuMs,
      latenessMs,
      skipped: fn === 'tick' ? this.#skippedBefore : 0,
      errorCode: result.outcome === 'ok' ? null : codeOf(result),
      errorMessage: result.error === null ? null : this.#describe(result.error),
    };
    this.#s.onTick(record);
    if (result.error === null || result.outcome === 'cancelled') return;
    if (result.outcome === 'cell-lost' && result.loss?.culprit === false)
      this.#calls.log(
        'warn',
        `${fn} was lost with its cell, through no fault of this worker; what it wrote before is kept.`,
        null,
      );
    else this.#calls.log('error', `${fn} failed: ${this.#describe(result.error)}`, null);
  }

  #describe(error: GuestError): string {
    const head = `${error.name}: ${error.message}`;
    if (error.stack === '') return head;
    return error.stack.includes(error.message) ? error.stack : `${head}\n${error.stack}`;
  }

  #onEntries(entries: readonly StreamEntry[], session: Session): void {
    try {
      this.#calls.take(entries, session, this.#ledger);
    } catch (thrown) {
      this.#s.log('error', `worker ${this.id}: ${toRuntimeError(thrown).message}`, { worker: this.id });
      session.close();
    }
    // A run that goes on keeps what it wrote so far; one that is about to end commits it together with its end.
    if (this.#ledger.settled || this.#midCommitScheduled) return;
    this.#midCommitScheduled = true;
    setImmediate(() => {
      this.#midCommitScheduled = false;
      if (session.running && !this.#ledger.settled) this.#ledger.commit(this.#headJson()).catch(() => undefined);
    });
  }

  #onIdleLoss(loss: CellLoss, session: Session): void {
    if (this.#session !== session) return;
    this.#judge(loss);
    this.#reason = `its cell was lost: ${loss.reason}`;
    this.#dropSession();
    this.#wakeUp('lost');
  }

  onStoreAway(away: boolean, reason: string): void {
    if (away && isLegal(this.#state, 'paused')) {
      this.#beforePause = this.#state;
      this.#to('paused', reason);
    } else if (!away && this.#state === 'paused')
      this.#to(this.#ending === null ? this.#beforePause : 'stopping', null);
  }

  #adviseOnGlobals(session: Session): void {
    if (this.#head.setupDone === this.#head.startId || this.recyclable || !session.report?.functions.includes('setup'))
      return;
    const text =
      'setup binds globals and there is no resume(ctx): after a lost process setup will run again. Keep what must last in ctx.state, or define resume(ctx).';
    this.#calls.log('warn', text, null);
  }

  #dropSession(): void {
    this.#session?.close();
    this.#session = null;
    this.#prepared = false;
  }

  #waitUntil(dueMono: number): Promise<Wake> {
    return new Promise((resolve) => {
      const armed = this.#s.scheduler.arm(dueMono, () => done('due'));
      const done = (why: Wake): void => {
        this.#wake = null;
        this.#s.scheduler.disarm(armed);
        resolve(why);
      };
      this.#wake = done;
    });
  }

  async #sleep(ms: number): Promise<Wake> {
    return this.#ending === null ? this.#waitUntil(this.#s.clock.monoMs() + ms) : 'stop';
  }

  #wakeUp(why: Wake): void {
    this.#wake?.(why);
  }

  #headJson(): string {
    return JSON.stringify(this.#head);
  }

  #to(state: WorkerState, reason: string | null): void {
    const from = this.#state;
    // While it is being stopped, what happens on the way is not shown.
    if (from === 'stopping' && state !== 'stopped' && state !== 'failed' && state !== 'invalid') return;
    if (from === state) return;
    if (!isLegal(from, state))
      throw new RuntimeError('INTERNAL', `worker ${this.id} cannot go from ${from} to ${state}`);
    this.#state = state;
    this.#reason = reason;
    this.#s.onState({ worker: this.id, from, to: state, reason, code: null });
  }
}

const NO_ERROR: GuestError = { name: 'Error', message: 'unknown', stack: '' };

function codeOf(result: RunResult): TickRecord['errorCode'] {
  switch (result.outcome) {
    case 'error':
      return 'USER_ERROR';
    case 'timeout':
      return 'TICK_TIMEOUT';
    case 'memory':
      return 'MEMORY_LIMIT';
    case 'cell-lost':
      return result.loss?.culprit === true ? 'SANDBOX_CRASH' : 'CELL_LOST';
    case 'cancelled':
      return 'STOPPED';
    case 'ok':
      return null;
  }
}
