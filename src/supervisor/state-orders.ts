/**
 * What people do with the state of workers, whether those run here, stand still, or only are stored. Who is not attached to this node is
 * claimed for it, which fences whoever owned the worker before, and written in one durable commit.
 */
import { checksumOf } from '../core/checksum.ts';
import { RuntimeError } from '../core/errors.ts';
import { STATE_LIMITS } from '../core/limits.ts';
import type {
  StateCopies,
  StateEdit as StateEditOption,
  StateEntries,
  StateExport,
  StateInfo,
  StateWritten,
} from '../runtime-state.ts';
import type { Claimed, StateStore, WorkerId } from '../store/contracts.ts';
import { NEW_HEAD, parseHead, type WorkerHead } from './head.ts';
import { checkRoom, parseChanges, parseEntries, type StateEdit } from './state-edit.ts';
import { StateSizes } from './state-sizes.ts';
import { exportOf, infoOf, shownCopies } from './state-views.ts';
import type { WorkerSlot } from './worker-slot.ts';

/** What the registry lends. */
export interface StateOrdersParts {
  readonly store: StateStore;
  readonly newId: () => string;
  readonly wallMs: () => number;
  readonly inTurn: <T>(id: WorkerId, work: () => Promise<T>) => Promise<T>;
  readonly slot: (id: WorkerId) => WorkerSlot | undefined;
  /** As {@link slot}, claimed anew where it was lost: to a store that was put back, or to an order that was cut short. */
  readonly owned: (id: WorkerId) => Promise<WorkerSlot>;
  readonly isDormant: (id: WorkerId) => boolean;
  /** Stored as it is, and attached to nobody. */
  readonly setDormant: (id: WorkerId, head: WorkerHead) => void;
  readonly remove: (id: WorkerId) => Promise<void>;
}

export class StateOrders {
  readonly #o: StateOrdersParts;

  constructor(parts: StateOrdersParts) {
    this.#o = parts;
  }

  async inspect(id: WorkerId): Promise<StateInfo> {
    return infoOf(id, await this.#read(id));
  }

  async export(id: WorkerId): Promise<StateExport> {
    return exportOf(id, await this.#read(id), this.#o.wallMs());
  }

  async copies(id: WorkerId): Promise<StateCopies | null> {
    const copies = await this.#o.store.copies?.(id);
    if (copies === undefined) return null;
    if (copies.redis === null && copies.postgres === null) throw notFound(id);
    return shownCopies(copies);
  }

  async write(id: WorkerId, changes: readonly StateEditOption[]): Promise<StateWritten> {
    const edit = parseChanges(changes, STATE_LIMITS);
    return this.#o.inTurn(id, () => this.#edit(id, edit, false));
  }

  async replace(id: WorkerId, entries: StateEntries, create: boolean): Promise<StateWritten> {
    const edit = parseEntries(entries, STATE_LIMITS);
    checkRoom(new StateSizes(STATE_LIMITS).after(edit), STATE_LIMITS);
    return this.#o.inTurn(id, () => this.#edit(id, edit, create));
  }

  resolve(id: WorkerId, take: 'redis' | 'postgres', force: boolean): Promise<StateWritten> {
    return this.#o.inTurn(id, async () => {
      const { store } = this.#o;
      if (store.resolve === undefined)
        throw new RuntimeError(
          'BAD_ARGUMENT',
          `The state of worker ${id} is kept once: there is nothing to choose from.`,
        );
      this.#mustStand(id);
      this.#letGo(id);
      const { head, revision } = await store.resolve(id, { take, force });
      this.#detach(id, head);
      return { revision: String(revision), live: false };
    });
  }

  rename(from: WorkerId, to: WorkerId): Promise<void> {
    if (from === to) throw new RuntimeError('WORKER_EXISTS', `Worker ${to} has this name already.`);
    // Always in the same order, or two renames could wait for each other.
    const [first, second] = from < to ? [from, to] : [to, from];
    return this.#o.inTurn(first, () => this.#o.inTurn(second, () => this.#rename(from, to)));
  }

  async #rename(from: WorkerId, to: WorkerId): Promise<void> {
    const { store } = this.#o;
    this.#mustStand(from);
    const old = await store.read(from);
    if (old === null) throw notFound(from);
    mustBeIntact(from, old);
    const target = this.#o.slot(to);
    const existing = await store.read(to);
    // A rename that was cut short has left the very same under both names.
    const isOurs = existing !== null && !isBlank(existing) && target?.living !== true && isSame(old, existing);
    const isFree = target === undefined && (existing === null || isBlank(existing));
    if (!isOurs && !isFree) throw taken(to);
    // From here on nobody changes it under the old name.
    this.#letGo(from);
    const claimed = await store.claim(from);
    mustBeIntact(from, claimed);
    const head = claimed.head ?? JSON.stringify(NEW_HEAD);
    if (!isOurs) {
      const next = await store.claim(to);
      if (!isBlank(next)) throw taken(to);
      await this.#commit(to, next, head, claimed.entries);
    }
    if (target === undefined) this.#o.setDormant(to, parseHead(to, head));
    this.#detach(from, head);
    await this.#o.remove(from);
  }

  async #edit(id: WorkerId, edit: StateEdit, create: boolean): Promise<StateWritten> {
    if (this.#o.slot(id) !== undefined) {
      const slot = await this.#o.owned(id);
      const live = await slot.editState(edit);
      return { revision: String(slot.self.ledger.revision), live };
    }
    if (!this.#o.isDormant(id) && !create) throw notFound(id);
    return this.#editStored(id, edit);
  }

  async #editStored(id: WorkerId, edit: StateEdit): Promise<StateWritten> {
    let claimed: Claimed;
    try {
      claimed = await this.#o.store.claim(id);
    } catch (thrown) {
      const isCorrupt = thrown instanceof RuntimeError && thrown.code === 'STATE_CORRUPT';
      if (!isCorrupt || !edit.replace || this.#o.store.resolve === undefined) throw thrown;
      // No copy of it is whole, and nothing of either stays.
      const entries = [...edit.changes].flatMap(([key, json]) => (json === null ? [] : [[key, json] as const]));
      const settled = await this.#o.store.resolve(id, { entries });
      this.#detach(id, settled.head);
      return { revision: String(settled.revision), live: false };
    }
    if (!edit.replace) mustBeIntact(id, claimed);
    const sizes = new StateSizes(STATE_LIMITS);
    const next = new Map(edit.replace ? [] : claimed.entries);
    for (const [key, json] of next) sizes.add(key, json);
    checkRoom(sizes.after(edit), STATE_LIMITS);
    for (const [key, json] of edit.changes)
      if (json === null) next.delete(key);
      else next.set(key, json);
    const head = claimed.head ?? JSON.stringify(NEW_HEAD);
    const revision = await this.#commit(id, claimed, head, [...next]);
    this.#o.setDormant(id, parseHead(id, head));
    return { revision: String(revision), live: false };
  }

  /** Brings what was claimed to these entries. */
  async #commit(
    id: WorkerId,
    { epoch, revision, entries }: Claimed,
    head: string,
    next: StateEntries,
  ): Promise<bigint> {
    const before = new Map(entries);
    const changes: { key: string; json: string | null }[] = [];
    for (const [key, json] of next) {
      if (before.get(key) !== json) changes.push({ key, json });
      before.delete(key);
    }
    for (const key of before.keys()) changes.push({ key, json: null });
    const result = await this.#o.store.commit({
      worker: id,
      epoch,
      base: revision,
      revision: revision + 1n,
      commitId: this.#o.newId(),
      head,
      changes,
      checksum: checksumOf(next),
      urgent: true,
      durable: true,
    });
    if (result.kind !== 'ok') throw new RuntimeError('FENCED', `Worker ${id} belongs to another node.`);
    return revision + 1n;
  }

  async #read(id: WorkerId): Promise<Claimed> {
    const stored = await this.#o.store.read(id);
    if (stored === null) throw notFound(id);
    return stored;
  }

  #mustStand(id: WorkerId): void {
    const slot = this.#o.slot(id);
    if (slot?.living === true) throw new RuntimeError('ILLEGAL_TRANSITION', `Worker ${id} runs; stop it first.`);
    if (slot?.self.ledger.lost === null && !slot.self.ledger.settled)
      throw new RuntimeError(
        'STORE_UNAVAILABLE',
        `A change of the state of worker ${id} is not stored yet, since its store is away. Nothing was done; try again when it is back.`,
      );
  }

  /** It is about to be claimed away from its slot, if it has one. Where the order fails, the next one claims it anew for the slot. */
  #letGo(id: WorkerId): void {
    this.#o
      .slot(id)
      ?.self.ledger.close(new RuntimeError('STOPPED', 'The state of the worker was taken over by an order.'));
  }

  /** Its code has to be deployed anew. */
  #detach(id: WorkerId, head: string | null): void {
    this.#letGo(id);
    this.#o.setDormant(id, parseHead(id, head));
  }
}

/** Claimed, and never written. */
const isBlank = ({ revision }: Claimed): boolean => revision === 0n;

function isSame(one: Claimed, other: Claimed): boolean {
  return one.head === other.head && checksumOf(one.entries) === checksumOf(other.entries);
}

function mustBeIntact(id: WorkerId, { checksum, entries }: Claimed): void {
  if (checksum !== undefined && checksum !== checksumOf(entries))
    throw new RuntimeError(
      'STATE_CORRUPT',
      `The stored state of worker ${id} does not match its checksum: it was damaged, or changed by hand. Write it anew with \`runtime state import\`.`,
    );
}

function taken(id: WorkerId): RuntimeError {
  return new RuntimeError('WORKER_EXISTS', `There is a worker ${id} already; choose another name, or remove it first.`);
}

function notFound(id: WorkerId): RuntimeError {
  return new RuntimeError('WORKER_NOT_FOUND', `There is no worker ${id}.`);
}
