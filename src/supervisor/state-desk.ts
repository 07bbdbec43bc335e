/**
 * Where people's changes of a running worker's state wait until the life of the worker takes them, which it does between two runs: then
 * the live sandbox takes the change, says where in its stream it stands, and from that point on it is stored as a write of
 * the worker would be, by one durable commit. No run begins in between. A sandbox that cannot take it is closed; what it
 * had written is stored by then, and the next one begins with the change.
 */
import { RuntimeError } from '../core/errors.ts';
import { DUMP_MS_MAX } from '../core/limits.ts';
import { unasked } from './state-dump.ts';
import type { StateEdit } from './state-edit.ts';
import type { WorkerSelf } from './worker-self.ts';

/** What the desk needs of a session. */
export interface Patchable {
  readonly alive: boolean;
  send(order: {
    readonly kind: 'patch';
    readonly patch: number;
    readonly replace: boolean;
    readonly changes: readonly (readonly [key: string, json: string | null])[];
  }): void;
  close(): void;
}

/** `live`: a running sandbox has it; `stored`: there was none; `left`: the life ended first, and nothing was done. */
export type Served = 'live' | 'stored' | 'left';

interface Order {
  readonly edit: StateEdit;
  readonly settle: (how: Served | RuntimeError) => void;
}

/** Between looks at an order that is being carried out for longer than anybody waits. */
const LOOK_MS = 1_000;

export class StateDesk {
  readonly #self: Pick<WorkerSelf, 'id' | 'ledger' | 'state' | 'reason' | 'services' | 'commit'>;
  readonly #orders: Order[] = [];
  #patch: { readonly id: number; readonly edit: StateEdit; readonly settle: (done: boolean | null) => void } | null =
    null;
  #patches = 0;

  constructor(self: Pick<WorkerSelf, 'id' | 'ledger' | 'state' | 'reason' | 'services' | 'commit'>) {
    this.#self = self;
  }

  get waiting(): boolean {
    return this.#orders.length > 0;
  }

  /** Leaves an order for the life. @throws RuntimeError ILLEGAL_TRANSITION where a run does not end within `limitMs` */
  ask(edit: StateEdit, limitMs: number): Promise<Served> {
    const { clock } = this.#self.services;
    return new Promise((resolve, reject) => {
      let cancel: () => void = () => undefined;
      const order: Order = {
        edit,
        settle: (how) => {
          cancel();
          if (how instanceof RuntimeError) reject(how);
          else resolve(how);
        },
      };
      const look = (): void => {
        const at = this.#orders.indexOf(order);
        if (at >= 0) {
          this.#orders.splice(at, 1);
          order.settle(tooLong(this.#self.id, limitMs));
        } else if (this.#self.ledger.away) order.settle(storedLater(this.#self.id, this.#self.reason));
        else cancel = clock.after(LOOK_MS, look);
      };
      cancel = clock.after(limitMs, look);
      this.#orders.push(order);
    });
  }

  /** Called by the life between two runs. `session` is null where it has none. @throws RuntimeError when the ledger is lost */
  async serve(session: Patchable | null): Promise<void> {
    // Those that come meanwhile are for the next moment.
    for (let left = this.#orders.length; left > 0; left--) {
      const order = this.#orders.shift();
      if (order === undefined) return;
      try {
        order.settle(await this.#carryOut(order.edit, session));
      } catch (thrown) {
        const { lost } = this.#self.ledger;
        order.settle(thrown instanceof RuntimeError ? thrown : new RuntimeError('INTERNAL', String(thrown)));
        if (lost !== null) throw lost;
      }
    }
  }

  /** The life has ended: whoever waits goes on without it. */
  leave(): void {
    for (const order of this.#orders.splice(0)) order.settle('left');
  }

  /** Without a sandbox. @throws RuntimeError STATE_LIMIT, STORE_UNAVAILABLE, FENCED, STALE */
  async store(edit: StateEdit): Promise<void> {
    const { ledger } = this.#self;
    this.checkStore();
    ledger.checkRoom(edit);
    ledger.edit(edit);
    await this.#self.commit('durable');
  }

  /** As {@link store}; whoever asks waits no longer than this for a store that went away meanwhile. */
  async storeWithin(edit: StateEdit, limitMs: number): Promise<void> {
    const { clock } = this.#self.services;
    const stored = this.store(edit);
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (this.#self.ledger.away) reject(storedLater(this.#self.id, this.#self.reason));
        else cancel = clock.after(LOOK_MS, look);
      };
      let cancel = clock.after(limitMs, look);
      stored.finally(() => cancel()).then(resolve, reject);
    });
  }

  /** @throws RuntimeError STORE_UNAVAILABLE, and what the ledger was lost to */
  checkStore(): void {
    const { id, ledger, state, reason, services } = this.#self;
    if (ledger.lost !== null) throw ledger.lost;
    const obstacle = services.obstacle();
    if (state === 'paused' || ledger.away || obstacle !== null) throw away(id, obstacle ?? reason);
  }

  /** A guest says that it has taken a patch, at this point of its stream. @throws RuntimeError CELL_PROTOCOL */
  told(id: number, done: boolean | null): void {
    const patch = this.#patch;
    if (patch?.id !== id) throw unasked();
    this.#patch = null;
    if (done === true) this.#self.ledger.edit(patch.edit);
    patch.settle(done);
  }

  /** The sandbox says nothing any more. */
  sandboxGone(): void {
    const patch = this.#patch;
    this.#patch = null;
    patch?.settle(null);
  }

  async #carryOut(edit: StateEdit, session: Patchable | null): Promise<Served> {
    if (session?.alive !== true) {
      await this.store(edit);
      return 'stored';
    }
    const { ledger, id } = this.#self;
    this.checkStore();
    ledger.checkRoom(edit);
    const done = await this.#ask(edit, session);
    if (done === false)
      throw new RuntimeError(
        'STATE_LIMIT',
        `State: with it, and what a tick that was cut short has written, the state of ${id} would be over its limit.`,
      );
    if (done === null) {
      // Nothing of it comes any more.
      session.close();
      await this.store(edit);
      return 'stored';
    }
    await this.#self.commit('durable');
    return 'live';
  }

  #ask(edit: StateEdit, session: Patchable): Promise<boolean | null> {
    const id = ++this.#patches;
    return new Promise((resolve) => {
      const cancel = this.#self.services.clock.after(DUMP_MS_MAX, () => this.sandboxGone());
      this.#patch = {
        id,
        edit,
        settle: (done) => {
          cancel();
          resolve(done);
        },
      };
      session.send({ kind: 'patch', patch: id, replace: edit.replace, changes: [...edit.changes] });
    });
  }
}

function tooLong(worker: string, limitMs: number): RuntimeError {
  return new RuntimeError(
    'ILLEGAL_TRANSITION',
    `Worker ${worker} was busy for ${Math.round(limitMs / 1_000)} s, and its state is changed between two runs only. Nothing was changed; try again, or stop it first.`,
  );
}

function away(worker: string, reason: string | null): RuntimeError {
  const why = reason === null ? '' : ` (${reason})`;
  return new RuntimeError(
    'STORE_UNAVAILABLE',
    `The state of worker ${worker} cannot be changed while its store is away${why}. Nothing was changed.`,
  );
}

function storedLater(worker: string, reason: string | null): RuntimeError {
  const why = reason === null ? '' : ` (${reason})`;
  return new RuntimeError(
    'STORE_UNAVAILABLE',
    `The store went away${why} while the state of worker ${worker} was changed. The worker has the change, and it is stored as soon as the store is back.`,
  );
}
