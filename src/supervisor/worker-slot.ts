/** The orders that a worker takes: begin a life, end it, change. What a life is stands in worker-life.ts. */
import { type RuntimeError, toRuntimeError } from '../core/errors.ts';
import type { CompiledWorker, Schedule, WorkerDefinition, WorkerSettings } from '../workers/definition.ts';
import type { SlotServices } from './slot-services.ts';
import type { StateEdit } from './state-edit.ts';
import { WorkerLife } from './worker-life.ts';
import { type WorkerParts, WorkerSelf } from './worker-self.ts';

/** Settings that a sandbox is made with. */
const MADE_WITH: readonly (keyof WorkerSettings)[] = ['params', 'memoryBytes', 'isolation'];

/** Beyond the longest run, for what a life does besides, and for the store where there is no life. */
const EDIT_MARGIN_MS = 15_000;

const PATIENCE_MS_MIN = 1_000;
const PATIENCE_MS_MAX = 90_000;

export class WorkerSlot {
  readonly self: WorkerSelf;
  #life: WorkerLife | null = null;
  #lived: Promise<void> = Promise.resolve();
  #isElsewhere = false;

  constructor(services: SlotServices, parts: WorkerParts) {
    this.self = new WorkerSelf(services, parts);
  }

  get cellPid(): number | null {
    return this.#life?.cellPid ?? null;
  }

  get nextDueWallMs(): number | null {
    const { state, clock } = this.self;
    return state === 'waiting' || state === 'parked' ? clock.nextDueWallMs : null;
  }

  /** Asks its live sandbox for its whole state, see {@link Ledger}. */
  askDump(dump: number): number | null {
    return this.#life?.askDump(dump) ?? null;
  }

  /** A start in the sense of the glossary: setup will run. Resolves once it is recorded. */
  async start(by: string): Promise<void> {
    if (this.#life !== null) return;
    const { self } = this;
    self.update({
      desired: 'running',
      actual: 'running',
      reason: null,
      startId: self.services.newId(),
      setupDone: null,
      startedBy: by,
      version: self.compiled.version,
      errors: 0,
      inFlight: true,
      anchor: self.clock.start(self.services.phase(self.id, self.definition.settings.schedule)),
    });
    await this.#begin();
  }

  /** Goes on with a worker that was running when its last owner ended. */
  async resume(cause: string): Promise<void> {
    if (this.#life !== null) return;
    const { self } = this;
    const { head } = self;
    self.update({ startedBy: cause, tick: head.inFlight ? head.tick + 1 : head.tick, inFlight: true });
    self.clock.resume(head.anchor, head.lastTickAt, self.definition.settings.schedule);
    await this.#begin();
  }

  /** Ends the life and waits for it. `suspend` keeps the worker's wish to run. `now` cuts the run in flight. */
  async end(how: 'stop' | 'suspend', now: boolean): Promise<void> {
    const { self } = this;
    if (this.#life !== null) {
      // Why it takes so long.
      self.to('stopping', self.state === 'paused' ? self.reason : null);
      this.#life.end(how);
      if (now) this.#life.cancel();
      await this.#lived;
    }
    if (how === 'stop' && self.head.desired === 'running' && this.#life === null) await this.#settle('stopped');
  }

  /** Another node goes on with it. */
  abandon(error: RuntimeError): void {
    this.#isElsewhere = true;
    this.self.ledger.close(error);
    this.end('suspend', true).catch(() => undefined);
  }

  /** Cuts the run in flight. */
  cancel(): void {
    this.#life?.cancel();
  }

  /** New code. The caller has ended the life before. */
  replaceCode(definition: WorkerDefinition, compiled: CompiledWorker): void {
    this.self.definition = definition;
    this.self.compiled = compiled;
  }

  reconfigure(settings: WorkerSettings): void {
    const { self } = this;
    const before = self.definition.settings;
    const differs = (key: keyof WorkerSettings): boolean =>
      JSON.stringify(before[key]) !== JSON.stringify(settings[key]);
    const reload = MADE_WITH.some(differs);
    const rescheduled = differs('schedule');
    self.definition = { ...self.definition, settings };
    if (rescheduled) self.update({ anchor: self.clock.reschedule(settings.schedule) });
    this.#life?.changed(reload);
  }

  /** It has begun a life that has not ended. */
  get living(): boolean {
    return this.#life !== null;
  }

  /** Changes its state, between two runs where it runs. True: a live sandbox has taken it. */
  async editState(edit: StateEdit): Promise<boolean> {
    const { desk, definition } = this.self;
    desk.checkStore();
    if (this.#life !== null) {
      const { tickTimeoutMs, setupTimeoutMs, onErrorTimeoutMs } = definition.settings;
      const served = desk.ask(edit, Math.max(tickTimeoutMs, setupTimeoutMs, onErrorTimeoutMs) + EDIT_MARGIN_MS);
      this.#life.serve();
      const how = await served;
      if (how !== 'left') return how === 'live';
      await this.#lived;
    }
    await desk.storeWithin(edit, EDIT_MARGIN_MS);
    return false;
  }

  /** Called every few seconds: repairs what should not happen. */
  reconcile(): void {
    const { self } = this;
    self.ledger.look();
    const overdueMs = this.#life?.checkOverdue() ?? 0;
    if (overdueMs < patienceMs(self.definition.settings.schedule)) return;
    const text = `worker ${self.id} (${self.state}) was overdue by ${Math.round(overdueMs)} ms and was woken`;
    self.services.log('warn', text, { worker: self.id });
    this.#life?.changed(false);
  }

  async #begin(): Promise<void> {
    const { self } = this;
    self.to('loading', null);
    const life = new WorkerLife(self);
    this.#life = life;
    this.#lived = this.#live(life);
    await self.commit('durable');
  }

  /** The life and its end: how the worker stands then is stored before it is shown. */
  async #live(life: WorkerLife): Promise<void> {
    const { self } = this;
    try {
      await life.live();
      const { actual } = self.head;
      if (actual === 'failed' || actual === 'invalid') await this.#settle(actual);
      else await this.#settle(life.ending === 'suspend' ? 'suspended' : 'stopped');
    } catch (thrown) {
      // Fenced or shut down: the next owner decides by what is stored.
      const { code, message } = toRuntimeError(thrown);
      self.to('stopping', null);
      // Shut down before its end was stored: whether it is `stopped` is known when the store is closed.
      if (code !== 'STOPPED') self.to(this.#isElsewhere ? 'stopped' : 'failed', message);
    } finally {
      life.close();
      this.#life = null;
      self.desk.leave();
    }
  }

  async #settle(how: 'stopped' | 'suspended' | 'failed' | 'invalid'): Promise<void> {
    const { self } = this;
    const reason = how === 'failed' || how === 'invalid' ? self.head.reason : null;
    self.update({ actual: how === 'suspended' ? 'running' : how, reason, inFlight: false });
    if (how === 'stopped') self.update({ desired: 'stopped' });
    await self.commit('durable');
    const shown = how === 'suspended' ? 'stopped' : how;
    if (shown === 'stopped' && self.state !== 'stopped') self.to('stopping', null);
    self.to(shown, reason);
  }
}

/** Three intervals; cron has none. */
function patienceMs(schedule: Schedule): number {
  const three = schedule.kind === 'interval' ? 3 * schedule.intervalMs : PATIENCE_MS_MAX;
  return Math.min(Math.max(three, PATIENCE_MS_MIN), PATIENCE_MS_MAX);
}
