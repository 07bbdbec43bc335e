/**
 * Which workers this node has, and the orders that people and platforms give about them. Orders about one worker are carried
 * out one after the other.
 */
import { RuntimeError, toRuntimeError } from '../core/errors.ts';
import { STATE_LIMITS } from '../core/limits.ts';
import { parseWorkerId } from '../core/worker-id.ts';
import type { RuntimeEvents, UnsavedWorker, WorkerOptions, WorkerPatch, WorkerStatus } from '../runtime.ts';
import type { Claimed, RecordStore, StateStore, StoredWorker, WorkerId } from '../store/contracts.ts';
import { compileWorker } from '../workers/compile.ts';
import type { CompiledWorker, WorkerDefinition } from '../workers/definition.ts';
import { checkOptions, resolveSettings, resolveWorker } from '../workers/resolve.ts';
import { claimPatiently } from './claim.ts';
import { NEW_HEAD, parseHead, type WorkerHead } from './head.ts';
import { Ledger } from './ledger.ts';
import type { SlotServices } from './slot-services.ts';
import { StateOrders } from './state-orders.ts';
import { StoreAway } from './store-away.ts';
import { suspendAll } from './suspend-all.ts';
import { tryLoading } from './try-loading.ts';
import { noteEnds } from './unsaved.ts';
import { WorkerSlot } from './worker-slot.ts';
import { statusOf, statusOfDormant } from './worker-status.ts';

export interface RegistryOptions {
  readonly services: SlotServices;
  readonly store: StateStore;
  readonly records: RecordStore;
  readonly minIntervalMs?: number | undefined;
  readonly onStored: (event: RuntimeEvents['state']) => void;
}

export class WorkerRegistry {
  readonly #o: RegistryOptions;
  readonly #slots = new Map<WorkerId, WorkerSlot>();
  /** Known to the store, but nobody has deployed them to this process yet. */
  readonly #dormant = new Map<WorkerId, WorkerHead>();
  /** Why one of those could not be claimed, where only a person can help. */
  readonly #refused = new Map<WorkerId, string>();
  readonly #queues = new Map<WorkerId, Promise<unknown>>();
  readonly #hurry = Promise.withResolvers<void>();
  #ended = false;
  readonly #away: StoreAway;
  /** What people do with the state of workers. */
  readonly state: StateOrders;

  constructor(options: RegistryOptions) {
    this.#o = options;
    const { services, store } = options;
    this.#away = new StoreAway(services.clock, services.log);
    this.state = new StateOrders({
      store,
      newId: services.newId,
      wallMs: () => services.clock.wallMs(),
      inTurn: (id, work) => this.#inTurn(id, work),
      slot: (id) => this.#slots.get(id),
      owned: (id) => this.#owned(id),
      isDormant: (id) => this.#dormant.has(id),
      setDormant: (id, head) => {
        this.#slots.delete(id);
        this.#dormant.set(id, head);
        this.#refused.delete(id);
      },
      remove: (id) => this.#remove(id, false),
    });
  }

  get residentPython(): number {
    let count = 0;
    for (const slot of this.#slots.values())
      if (slot.self.compiled.language === 'python' && slot.cellPid !== null) count += 1;
    return count;
  }

  async restore(): Promise<void> {
    for (const stored of await this.#o.store.list()) {
      try {
        this.#dormant.set(stored.worker, headOf(stored));
      } catch (thrown) {
        // One that cannot be read keeps no other from running; whoever deploys it is told the same.
        const { code, message } = toRuntimeError(thrown);
        this.#o.services.log('error', message, { worker: stored.worker, code });
        this.#dormant.set(stored.worker, { ...NEW_HEAD, actual: 'invalid', reason: message });
      }
    }
  }

  deploy(options: WorkerOptions): Promise<WorkerStatus> {
    const id = idOf(options);
    return this.#inTurn(id, async () => {
      const compiled = await compileWorker(options.source);
      const definition = resolveWorker(options, compiled.language, this.#o.minIntervalMs);
      if (this.#slots.has(id)) await this.#redeploy(await this.#owned(id), definition, compiled);
      else await this.#attach(id, definition, compiled);
      return this.status(id);
    });
  }

  /** Compiles the worker and loads it once into a sandbox of its own. @throws RuntimeError CODE_INVALID */
  async check(options: WorkerOptions): Promise<void> {
    idOf(options);
    const compiled = await compileWorker(options.source);
    await tryLoading(this.#o.services, resolveWorker(options, compiled.language, this.#o.minIntervalMs), compiled);
  }

  startWorker(id: WorkerId): Promise<WorkerStatus> {
    return this.#inTurn(id, async () => {
      await (await this.#owned(id)).start('start');
      return this.status(id);
    });
  }

  stopWorker(id: WorkerId, now: boolean): Promise<WorkerStatus> {
    if (now) this.#slots.get(id)?.cancel();
    return this.#inTurn(id, async () => {
      if (this.#slots.has(id)) await (await this.#owned(id)).end('stop', now);
      else await this.#stopDormant(id);
      return this.status(id);
    });
  }

  restartWorker(id: WorkerId, now: boolean): Promise<WorkerStatus> {
    if (now) this.#slots.get(id)?.cancel();
    return this.#inTurn(id, async () => {
      const slot = await this.#owned(id);
      await slot.end('stop', now);
      await slot.start('restart');
      return this.status(id);
    });
  }

  removeWorker(id: WorkerId, now: boolean): Promise<void> {
    if (now) this.#slots.get(id)?.cancel();
    return this.#inTurn(id, () => this.#remove(id, now));
  }

  reconfigure(id: WorkerId, patch: WorkerPatch): Promise<WorkerStatus> {
    return this.#inTurn(id, async () => {
      const slot = this.#slot(id);
      slot.reconfigure(
        resolveSettings(patch, slot.self.compiled.language, this.#o.minIntervalMs, slot.self.definition.settings),
      );
      return this.status(id);
    });
  }

  statuses(): readonly WorkerStatus[] {
    return [...new Set([...this.#slots.keys(), ...this.#dormant.keys()])].map((id) => this.status(id));
  }

  status(id: WorkerId): WorkerStatus {
    const slot = this.#slots.get(id);
    if (slot !== undefined) return statusOf(slot);
    const head = this.#dormant.get(id);
    if (head !== undefined) return statusOfDormant(id, head, this.#refused.get(id) ?? null);
    throw notFound(id);
  }

  reconcile(): void {
    for (const slot of this.#slots.values()) slot.reconcile();
  }

  /** Cuts every run in flight; the workers go on when they may. */
  cutRuns(): void {
    for (const slot of this.#slots.values()) slot.cancel();
  }

  /** Another node owns the workers: nothing of them is written any more, and all of them end. */
  abandon(error: RuntimeError): void {
    this.#ended = true;
    for (const slot of this.#slots.values()) slot.abandon(error);
  }

  /** Cuts every run in flight, and the grace of {@link suspendAll}. */
  cancelAll(): void {
    this.#hurry.resolve();
    for (const slot of this.#slots.values()) slot.cancel();
  }

  /** Ends every life but not the wish to run. What it returns is asked once the store is closed: which workers are not stored. */
  async suspendAll(graceMs: number): Promise<() => readonly UnsavedWorker[]> {
    this.#ended = true;
    const { clock, log } = this.#o.services;
    const slots = [...this.#slots.values()];
    await suspendAll({ slots, clock, log, graceMs, hurry: this.#hurry.promise });
    const unsaved = noteEnds(slots, this.#o.store);
    for (const slot of this.#slots.values()) slot.self.ledger.close(new RuntimeError('STOPPED', 'The engine stopped.'));
    return unsaved;
  }

  async #attach(id: WorkerId, definition: WorkerDefinition, compiled: CompiledWorker): Promise<void> {
    this.#refused.delete(id);
    const slot = await this.#claim(id, definition, compiled).catch((thrown: unknown) => {
      const { message, rule } = toRuntimeError(thrown);
      if (!rule.retry && this.#dormant.has(id)) this.#refused.set(id, message);
      throw thrown;
    });
    const { head } = slot.self;
    if (head.actual === 'failed' || head.actual === 'invalid') {
      // New code is a new chance only for a worker whose code was the trouble.
      if (head.actual === 'invalid' && head.version !== compiled.version) return slot.start('deploy');
      return slot.self.restore(head.actual, head.reason);
    }
    if (head.desired !== 'running') return slot.self.restore('stopped', null);
    if (head.version === compiled.version) await slot.resume('node-restart');
    else await slot.start('deploy');
  }

  /** As it stands in the store, without a life. */
  async #claim(id: WorkerId, definition: WorkerDefinition, compiled: CompiledWorker): Promise<WorkerSlot> {
    const { services, store } = this.#o;
    const claimed = await this.#claimed(id);
    const head = parseHead(id, claimed.head);
    if (claimed.mayLack === true && head.inFlight) this.#tellGap(id, claimed.revision);
    let slot: WorkerSlot | null = null;
    const ledger = new Ledger({
      store,
      clock: services.clock,
      worker: id,
      claimed,
      limits: STATE_LIMITS,
      onStore: (away, reason) => {
        this.#away.note(id, away, reason);
        slot?.self.onStoreAway(away, reason);
      },
      onLost: (error) => {
        this.#away.forget(id);
        services.log('error', error.message, { worker: id, code: error.code });
      },
      askDump: (dump) => slot?.askDump(dump) ?? null,
      onRepaired: (repaired) => slot?.self.onRepaired(repaired),
      onStored: (changes) => this.#o.onStored({ worker: id, tick: slot?.self.head.tick ?? 0, changes }),
    });
    slot = new WorkerSlot(services, { id, definition, compiled, ledger, head });
    this.#slots.set(id, slot);
    this.#dormant.delete(id);
    return slot;
  }

  /** It was not stopped in order, so the copy that is gone may have been ahead. */
  #tellGap(id: WorkerId, revision: bigint): void {
    const { services } = this.#o;
    const text = `Redis lost its copy of it while no node ran. It goes on from revision ${revision} in Postgres; what only Redis had acknowledged after that is lost: at most what came after the last checkpoint.`;
    services.log('error', `state of worker ${id}: ${text}`, {
      worker: id,
      code: 'STATE_GAP',
      revision: String(revision),
    });
    services.onLog({ worker: id, at: services.clock.wallMs(), level: 'error', text, fields: null, tick: 0 });
  }

  #claimed(id: WorkerId): Promise<Claimed> {
    const { services, store } = this.#o;
    return claimPatiently({
      store,
      clock: services.clock,
      worker: id,
      ended: () => this.#ended,
      onAway: (reason) => this.#away.note(id, true, reason),
    }).finally(() => this.#away.note(id, false, ''));
  }

  async #redeploy(slot: WorkerSlot, definition: WorkerDefinition, compiled: CompiledWorker): Promise<void> {
    if (slot.self.compiled.version === compiled.version) {
      slot.reconfigure(definition.settings);
      return;
    }
    // `failed` stays so until someone starts it; new code for an invalid one is its next chance.
    const { desired, actual } = slot.self.head;
    const goesOn = desired === 'running' && actual !== 'failed';
    if (goesOn && actual === 'running') await tryLoading(this.#o.services, definition, compiled);
    await slot.end('suspend', false);
    slot.replaceCode(definition, compiled);
    if (goesOn) await slot.start('deploy');
  }

  async #remove(id: WorkerId, now: boolean): Promise<void> {
    const slot = this.#slots.has(id) ? await this.#owned(id) : undefined;
    if (slot === undefined && !this.#dormant.has(id)) throw notFound(id);
    await slot?.end('stop', now);
    const epoch = slot?.self.ledger.epoch ?? (await this.#claimed(id)).epoch;
    slot?.self.ledger.close(new RuntimeError('STOPPED', 'The worker was removed.'));
    const removed = await this.#o.store.remove(id, epoch);
    if (removed.kind !== 'ok') throw notOurs(id);
    await this.#o.records.forget(id);
    this.#slots.delete(id);
    this.#dormant.delete(id);
  }

  async #stopDormant(id: WorkerId): Promise<void> {
    if (!this.#dormant.has(id)) throw notFound(id);
    const claimed = await this.#claimed(id);
    const { epoch, revision, checksum } = claimed;
    // What was listed may be older than what is claimed.
    const stopped: WorkerHead = {
      ...parseHead(id, claimed.head),
      desired: 'stopped',
      actual: 'stopped',
      reason: null,
      inFlight: false,
    };
    const result = await this.#o.store.commit({
      worker: id,
      epoch,
      base: revision,
      revision: revision + 1n,
      commitId: this.#o.services.newId(),
      head: JSON.stringify(stopped),
      changes: [],
      ...(checksum === undefined ? {} : { checksum }),
      urgent: true,
      durable: true,
    });
    if (result.kind !== 'ok') throw notOurs(id);
    this.#dormant.set(id, stopped);
  }

  /**
   * For an order that writes. What was lost, to a store that was put back or to an order that was cut short, is claimed anew: whoever
   * gives the order has seen the reason, and the worker goes on from what is stored.
   */
  async #owned(id: WorkerId): Promise<WorkerSlot> {
    const slot = this.#slot(id);
    if (slot.self.ledger.lost === null) return slot;
    await slot.end('suspend', true);
    const claimed = await this.#claim(id, slot.self.definition, slot.self.compiled);
    const { actual, reason } = claimed.self.head;
    if (actual === 'failed' || actual === 'invalid') claimed.self.restore(actual, reason);
    return claimed;
  }

  #slot(id: WorkerId): WorkerSlot {
    const slot = this.#slots.get(id);
    if (slot !== undefined) return slot;
    if (this.#dormant.has(id))
      throw new RuntimeError(
        'NOT_RUNNING',
        `Worker ${id} is stored, but its code was not deployed to this node; deploy it first.`,
      );
    throw notFound(id);
  }

  #inTurn<T>(id: WorkerId, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(id) ?? Promise.resolve();
    const turn = before.then(work, work);
    const settled = turn
      .catch(() => undefined)
      .then(() => {
        if (this.#queues.get(id) === settled) this.#queues.delete(id);
      });
    this.#queues.set(id, settled);
    return turn;
  }
}

function idOf(options: WorkerOptions): WorkerId {
  checkOptions(options);
  return parseWorkerId(`${options.workspace ?? 'default'}/${options.name}`);
}

function notOurs(id: WorkerId): RuntimeError {
  return new RuntimeError('FENCED', `Worker ${id} belongs to another node.`);
}

function notFound(id: WorkerId): RuntimeError {
  return new RuntimeError('WORKER_NOT_FOUND', `There is no worker ${id}.`);
}

function headOf(stored: StoredWorker): WorkerHead {
  return parseHead(stored.worker, stored.head);
}
