/**
 * One life of a worker, from a start (or the engine's own restart) to its end, lived top to bottom in {@link WorkerLife.live}: get a
 * sandbox, prepare it, wait, tick, deal with what went wrong, again. What comes from outside (an order to end, new settings, a
 * lost cell) only wakes it. The life keeps nothing that must survive: that is in the head.
 */
import type { GuestError, StreamEntry } from '../../sandbox/protocol.ts';
import { toRuntimeError } from '../core/errors.ts';
import { DUMP_MS_MAX } from '../core/limits.ts';
import { Alarm } from './alarm.ts';
import type { CellLoss } from './cell-loss.ts';
import { adviseOnGlobals, isRecyclable } from './globals-advice.ts';
import { runWhenAllowed } from './hold-run.ts';
import { loadSpec } from './load-spec.ts';
import { sleepParked } from './parking.ts';
import { mayMove, sandboxPauseMs, setupPauseMs } from './pauses.ts';
import { Probation } from './probation.ts';
import { account, countLoadError, failAtLimit, onLoadFailed } from './run-failures.ts';
import { type RunSlot, runOrder } from './run-order.ts';
import type { RunResult } from './run-result.ts';
import { readSavedState } from './saved-state.ts';
import { type OpenResult, Session } from './session.ts';
import { failureLine, tickRecord } from './tick-report.ts';
import { waitForSlot } from './wait-for-slot.ts';
import type { Due } from './worker-clock.ts';
import type { WorkerSelf } from './worker-self.ts';

/** A run that failed and whose `on_error` has not been called yet. */
interface Failure {
  readonly error: GuestError;
  readonly during: 'setup' | 'tick';
}

export class WorkerLife {
  readonly #self: WorkerSelf;
  readonly #alarm: Alarm;
  #session: Session | null = null;
  #opening: AbortController | null = null;
  #prepared = false;
  #ending: 'stop' | 'suspend' | null = null;
  #failure: Failure | null = null;
  #reload: string | null = null;
  /** Since when its cell is to be replaced; monotonic. */
  #retiresSince: number | null = null;
  /** Why the next sandbox is needed; null for the first one of a life. */
  #cause: string | null = null;
  #tries = 0;
  readonly #probation: Probation;
  #midCommitScheduled = false;

  constructor(self: WorkerSelf) {
    this.#self = self;
    this.#probation = new Probation(self.services.clock);
    this.#alarm = new Alarm(self.services.scheduler, self.services.clock);
  }

  get cellPid(): number | null {
    return this.#session?.cellPid ?? null;
  }

  get ending(): 'stop' | 'suspend' | null {
    return this.#ending;
  }

  /** May lose its globals between two ticks without noticing. */
  get recyclable(): boolean {
    return isRecyclable(this.#session?.report, this.#self);
  }

  /** Asks for the end; {@link live} resolves when it has come. `suspend` keeps the wish to run. */
  end(how: 'stop' | 'suspend'): void {
    this.#ending = this.#ending === 'stop' ? 'stop' : how;
    this.#self.durable.resolver.rest();
    this.#alarm.wake('end');
  }

  /** Cuts the run in flight. */
  cancel(): void {
    this.#session?.cancel();
    this.#opening?.abort();
  }

  /** Settings changed; with `reload` the sandbox must be made anew before the next tick. */
  changed(reload: boolean): void {
    if (reload) this.#reload = 'new settings';
    this.#alarm.wake('changed');
  }

  /** Somebody left an order at the worker's desk. */
  serve(): void {
    this.#alarm.wake('order');
  }

  /** Ends a run that is long overdue. Returns for how long a wait is, ms; 0 while anything runs. */
  checkOverdue(): number {
    this.#session?.checkOverdue();
    return this.#alarm.overdueMs;
  }

  /** Asks the sandbox for its whole state. How long that may take, ms; null where there is no sandbox. */
  askDump(dump: number): number | null {
    const session = this.#session;
    if (session?.alive !== true) return null;
    session.send({ kind: 'dump', dump });
    // A run in there is cut by its own limits; the dump comes right behind it.
    return session.remainingMs + DUMP_MS_MAX;
  }

  /** Gives the sandbox back. After its last commit: until then it holds what a damaged store can be repaired from. */
  close(): void {
    this.#self.durable.resolver.rest();
    this.#dropSession();
  }

  /** Whoever has lived it calls {@link close}. */
  async live(): Promise<void> {
    const self = this.#self;
    self.durable.resolver.wake();
    while (this.#ending === null && self.head.actual === 'running') {
      try {
        if (!this.#prepared) await self.desk.serve(this.#session);
        // Before any run the worker can be told what became of what it did.
        if (self.head.intents.length > 0) await self.durable.resolver.ready();
        if (this.#ending !== null) continue;
        if (this.#session?.alive !== true) {
          await this.#open();
          continue;
        }
        if (this.#failure !== null) await this.#handle(this.#session, this.#failure);
        else if (!this.#prepared) await this.#prepare(this.#session);
        else await this.#next(this.#session);
      } catch (thrown) {
        const error = toRuntimeError(thrown);
        if (self.ledger.lost !== null || error.code === 'STOPPED') {
          this.#dropSession();
          throw error;
        }
        const trace = error.stack ?? error.message;
        self.services.log('error', `worker ${self.id} broke inside the engine: ${trace}`, { worker: self.id });
        this.#dropSession();
        self.restore('stopped', error.message);
        self.to('loading', 'an error inside the engine');
        await this.#sleep(1_000);
      }
    }
  }

  /** Loads the worker into a sandbox, or leaves things so that the next look at them knows why not. */
  async #open(): Promise<void> {
    const self = this.#self;
    const pause = Math.max(sandboxPauseMs(this.#tries), this.#probation.pauseMs);
    if (self.state !== 'loading' && self.state !== 'parked') self.to('recovering', self.reason);
    if (pause > 0) await this.#sleep(pause);
    if (this.#ending !== null) return;
    self.to('loading', self.reason);
    this.#tries += 1;
    // Every journal of the old sandbox is committed or refused before the state is read for the new one.
    if (self.ledger.claimedEntries === null && !self.ledger.settled) await self.commit();
    const ended = (): boolean => this.#ending !== null;
    const state = await readSavedState(self, (ms) => this.#sleep(ms), ended);
    if (state === null || ended()) return;
    let opened: OpenResult;
    this.#opening = new AbortController();
    try {
      opened = await Session.open({
        pool: self.services.pool,
        turns: self.services.turns,
        clock: self.services.clock,
        request: {
          workspace: self.definition.workspace,
          backend: self.compiled.language === 'python' ? 'pyodide' : 'isolate',
          ...this.#probation.place(self.definition.settings.isolation),
          spec: loadSpec(self.definition, self.compiled, self.services.dispatcher, state, self.durable.adapters),
        },
        signal: this.#opening.signal,
        onEntries: (entries, session) => this.#onEntries(entries, session),
        onIdleLoss: (loss, session) => this.#onIdleLoss(loss, session),
        onOver: () => self.sandboxGone(),
        onRetire: () => this.#retire(),
      });
    } catch (thrown) {
      return self.to('recovering', toRuntimeError(thrown).message);
    } finally {
      this.#opening = null;
    }
    switch (opened.kind) {
      case 'loaded':
        this.#session = opened.session;
        this.#prepared = false;
        this.#reload = null;
        this.#retiresSince = null;
        if (this.#cause !== null) self.update({ startedBy: this.#cause });
        return adviseOnGlobals(self, opened.session.report);
      case 'lost':
        self.to('recovering', opened.loss.reason);
        this.#probation.judge(opened.loss);
        if (opened.loss.culprit) await countLoadError(self, `loading it took its process down (${opened.loss.reason})`);
        return;
      case 'failed':
        return onLoadFailed(self, opened.code, opened.error);
    }
  }

  /** `setup` on a start, `resume` (or `setup` again where it binds globals) after the engine's own restarts. */
  async #prepare(session: Session): Promise<void> {
    const self = this.#self;
    const { functions = [] } = session.report ?? {};
    const isStart = self.head.setupDone !== self.head.startId;
    const rebinds = !isStart && !this.recyclable;
    const fn = isStart || rebinds ? 'setup' : 'resume';
    const called = functions.includes(fn);
    if (called) {
      self.to('setup', null);
      if (rebinds)
        self.calls.log(
          'info',
          'setup runs again: it binds globals, they were lost, and there is no resume(ctx).',
          null,
        );
      const startedAt = self.services.clock.wallMs();
      const result = await this.#run(session, fn, self.definition.settings.setupTimeoutMs);
      if (result.outcome !== 'ok') return this.#onSetupFailed(fn, result, startedAt);
    }
    self.update({ setupDone: self.head.startId });
    // Without a setup there is nothing to store before the first tick, which commits the head anyway.
    if (called) await self.commit('now');
    this.#prepared = true;
    this.#tries = 0;
    self.to('waiting', null);
    // Cron names its times itself: a nightly job does not run because it was deployed at noon.
    if (isStart && self.definition.settings.schedule.kind === 'interval') self.update({ anchor: self.clock.tickNow() });
  }

  async #onSetupFailed(fn: 'setup' | 'resume', result: RunResult, startedAt: number): Promise<void> {
    const self = this.#self;
    const blamed = account(self, result);
    await self.commit();
    const times = { dueAt: startedAt, startedAt, latenessMs: 0, skipped: 0 };
    this.#report(fn, tickRecord(self.id, self.head.tick, 'setup', result, times), result);
    if (blamed) this.#failure = { error: result.error ?? NO_ERROR, during: 'setup' };
    this.#afterRun(result);
  }

  /** Waits for the next slot and ticks; or does first what must be done between two ticks. */
  async #next(session: Session): Promise<void> {
    const self = this.#self;
    self.to('waiting', null);
    if (this.#reload !== null) return this.#recycle(this.#reload);
    // Only a lower limit can bring it here.
    if (failAtLimit(self, null)) return;
    const due = self.clock.next(self.definition.settings.schedule);
    if (this.#retiresSince !== null && this.recyclable && mayMove(self, due, this.#retiresSince))
      return this.#recycle('its process is replaced');
    if (self.services.mayPark(self, this.recyclable, due.waitMs)) {
      this.#dropSession('parked');
      self.to('parked', null);
      return sleepParked(self, due, (ms) => this.#sleep(ms));
    }
    const why = await waitForSlot(self, this.#alarm, due, session, () => this.#ending !== null);
    if (!session.alive && this.#ending === null) return self.to('recovering', self.reason);
    if (why === 'due' && self.clock.take(due)) await this.#tick(session, due);
  }

  async #tick(session: Session, due: Due): Promise<void> {
    const self = this.#self;
    self.to('ticking', null);
    const { lastTickAt, tick, skipped } = self.head;
    const latenessMs = Math.max(0, self.services.clock.monoMs() - due.dueMono);
    const startedAt = self.services.clock.wallMs();
    self.update({ tick: tick + 1, skipped: skipped + due.skipped, lastTickAt: startedAt });
    const result = await this.#run(session, 'tick', self.definition.settings.tickTimeoutMs, {
      dueAt: due.dueWall,
      dueMono: due.dueMono,
      lastTickAt,
    });
    const blamed = account(self, result);
    self.update({ lastOutcome: result.outcome, errors: result.outcome === 'ok' ? 0 : self.head.errors });
    await self.commit();
    const times = { dueAt: due.dueWall, startedAt, latenessMs, skipped: due.skipped };
    this.#report('tick', tickRecord(self.id, self.head.tick, 'tick', result, times), result);
    if (blamed) this.#failure = { error: result.error ?? NO_ERROR, during: 'tick' };
    this.#afterRun(result);
  }

  async #handle(session: Session, failure: Failure): Promise<void> {
    const self = this.#self;
    this.#failure = null;
    const { settings } = self.definition;
    if (session.report?.functions.includes('on_error') === true) {
      self.to('handling', null);
      const result = await this.#run(session, 'on_error', settings.onErrorTimeoutMs, {}, failure.error);
      const line = failureLine('on_error itself', result);
      if (line !== null) self.calls.log(line.level, line.text, null);
      await self.commit();
      this.#afterRun(result);
    }
    failAtLimit(self, `${failure.error.name}: ${failure.error.message}`);
    if (self.head.actual !== 'running' || failure.during !== 'setup' || this.#ending !== null) return;
    if (session.alive) self.to('backoff', failure.error.message);
    await this.#sleep(setupPauseMs(self.head.errors));
  }

  async #run(
    session: Session,
    fn: 'setup' | 'tick' | 'resume' | 'on_error',
    timeoutMs: number,
    times: RunSlot = {},
    error?: GuestError,
  ): Promise<RunResult> {
    const { compiled, durable } = this.#self;
    const order = () => {
      durable.begin(fn);
      return runOrder(this.#self, fn, timeoutMs, times, error);
    };
    const dueMono = times.dueMono ?? this.#self.services.clock.monoMs();
    const result = await runWhenAllowed(this.#self, session, dueMono, order);
    durable.end(result.outcome);
    if (result.error === null) return result;
    return { ...result, error: { ...result.error, stack: compiled.mapStack(result.error.stack) } };
  }

  #report(fn: string, record: ReturnType<typeof tickRecord>, result: RunResult): void {
    this.#self.services.onTick(record);
    const line = failureLine(fn, result);
    if (line !== null) this.#self.calls.log(line.level, line.text, null);
  }

  /** Drops a sandbox that cannot be used again; lets a suspect that has behaved go back to the others. */
  #afterRun(result: RunResult): void {
    if (result.loss !== null) this.#probation.judge(result.loss);
    if (!result.intact) {
      this.#dropSession(result.loss === null ? result.outcome : 'cell-lost');
      if (this.#ending === null) this.#self.to('recovering', result.error?.message ?? null);
      return;
    }
    // One that would lose what its setup bound stays where it is; its next sandbox is among the others again.
    if (result.outcome === 'ok' && this.#probation.endIfOver() && this.recyclable) this.#reload = 'probation is over';
  }

  #onEntries(entries: readonly StreamEntry[], session: Session): void {
    const self = this.#self;
    try {
      self.calls.take(entries, session, self.ledger);
    } catch (thrown) {
      // A cell that lets its guest do this is broken or broken into.
      session.killCell(toRuntimeError(thrown).message);
    }
    // A run that goes on keeps what it wrote so far, and may wait for that; one that is about to end commits it with its end.
    if (!self.ledger.unsent || this.#midCommitScheduled) return;
    this.#midCommitScheduled = true;
    setImmediate(() => {
      this.#midCommitScheduled = false;
      if (session.running && self.ledger.unsent) self.commit('now').catch(() => undefined);
    });
  }

  #onIdleLoss(loss: CellLoss, session: Session): void {
    if (this.#session !== session) return;
    this.#probation.judge(loss);
    if (loss.culprit) this.#self.calls.log('error', `Its process was ended between two ticks: ${loss.reason}.`, null);
    this.#cause = 'cell-lost';
    this.#alarm.wake('lost');
  }

  #retire(): void {
    this.#retiresSince ??= this.#self.services.clock.monoMs();
    this.#alarm.wake('changed');
  }

  #recycle(reason: string): void {
    this.#dropSession('recycled');
    this.#tries = 0;
    this.#self.to('loading', reason);
  }

  #dropSession(cause: string | null = null): void {
    this.#cause = cause ?? this.#cause;
    this.#session?.close();
    this.#session = null;
    this.#prepared = false;
  }

  async #sleep(ms: number): Promise<void> {
    const { clock } = this.#self.services;
    for (const until = clock.monoMs() + ms; this.#ending === null; ) {
      if (this.#self.desk.waiting) await this.#self.desk.serve(this.#session);
      else if ((await this.#alarm.until(until)) !== 'order') return;
    }
  }
}

const NO_ERROR: GuestError = { name: 'Error', message: 'unknown', stack: '' };
