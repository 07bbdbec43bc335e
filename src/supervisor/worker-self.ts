/**
 * What a worker is, through all its lives in this node: its code and settings, its saved state on the way to the store, its
 * head, and the state that people see. `to` makes every change of that state and asks life.ts whether it is legal.
 */
import { RuntimeError } from '../core/errors.ts';
import type { CompiledWorker, WorkerDefinition } from '../workers/definition.ts';
import { DurableCalls } from './durable-calls.ts';
import { Calls } from './guest-calls.ts';
import type { WorkerHead } from './head.ts';
import type { Ledger } from './ledger.ts';
import type { CommitNeed, Repaired } from './ledger-options.ts';
import { isLegal, type WorkerState } from './life.ts';
import type { SlotServices } from './slot-services.ts';
import { StateDesk } from './state-desk.ts';
import { WorkerClock } from './worker-clock.ts';

export interface WorkerParts {
  readonly id: string;
  readonly definition: WorkerDefinition;
  readonly compiled: CompiledWorker;
  readonly ledger: Ledger;
  readonly head: WorkerHead;
}

export class WorkerSelf {
  readonly id: string;
  readonly services: SlotServices;
  readonly calls: Calls;
  readonly durable: DurableCalls;
  readonly clock: WorkerClock;
  readonly ledger: Ledger;
  readonly desk: StateDesk;
  definition: WorkerDefinition;
  compiled: CompiledWorker;
  readonly #head: WorkerHead;
  #state: WorkerState = 'stopped';
  #reason: string | null = null;
  #beforePause: WorkerState = 'waiting';

  constructor(services: SlotServices, parts: WorkerParts) {
    this.id = parts.id;
    this.services = services;
    this.definition = parts.definition;
    this.compiled = parts.compiled;
    this.ledger = parts.ledger;
    this.#head = { ...parts.head };
    this.clock = new WorkerClock(services.clock);
    this.desk = new StateDesk(this);
    this.durable = new DurableCalls(services, {
      worker: parts.id,
      head: () => this.#head,
      update: (change) => this.update(change),
      commit: (need) => this.commit(need),
    });
    this.calls = new Calls(services, {
      worker: parts.id,
      code: () => this.compiled,
      tick: () => this.#head.tick,
      commit: (need) => this.commit(need),
      settled: () => this.ledger.settled,
      durable: this.durable,
      patched: (patch, done) => this.desk.told(patch, done),
    });
  }

  /** It goes on changing: whoever keeps something of it copies that. */
  get head(): Readonly<WorkerHead> {
    return this.#head;
  }
  get state(): WorkerState {
    return this.#state;
  }
  get reason(): string | null {
    return this.#reason;
  }

  /** Changes what will be remembered with the next commit. */
  update(change: Partial<WorkerHead>): void {
    Object.assign(this.#head, change);
  }

  /** Stores everything written so far together with the head. Rejects only when this node is not the owner any more. */
  commit(need: CommitNeed = 'soon'): Promise<void> {
    return this.ledger.commit(JSON.stringify(this.#head), need);
  }

  /** Its sandbox says nothing any more. */
  sandboxGone(): void {
    this.ledger.sandboxGone();
    this.desk.sandboxGone();
  }

  /** @throws RuntimeError INTERNAL for a change that life.ts does not list */
  to(state: WorkerState, reason: string | null): void {
    const from = this.#state;
    // While it is being stopped, what happens on the way is not shown.
    if (from === 'stopping' && state !== 'stopped' && state !== 'failed' && state !== 'invalid') return;
    if (from === state) return;
    if (!isLegal(from, state))
      throw new RuntimeError('INTERNAL', `worker ${this.id} cannot go from ${from} to ${state}`);
    this.#state = state;
    this.#reason = reason;
    this.services.onState({
      worker: this.id,
      from,
      to: state,
      reason,
      code: state === 'invalid' ? 'CODE_INVALID' : null,
    });
  }

  /** How it stood when the node was last up, before anything happens to it in this one. */
  restore(state: 'failed' | 'invalid' | 'stopped', reason: string | null): void {
    this.#state = state;
    this.#reason = reason;
  }

  /** Once per incident: for the operator, and in the worker's own log, where it is kept. */
  onRepaired({ found, ours, revision, keys }: Repaired): void {
    const text = `was not the one that was written last (${whatWasFound(found, ours)}). It was written again from the live sandbox, with ${keys} keys, as revision ${revision}`;
    this.services.log('error', `the stored state of worker ${this.id} ${text}`, { worker: this.id, code: 'STALE' });
    this.calls.log('warn', `The stored state ${text}.`, null);
  }

  onStoreAway(away: boolean, reason: string): void {
    if (away && isLegal(this.#state, 'paused')) {
      this.#beforePause = this.#state;
      this.to('paused', reason);
    } else if (!away && this.#state === 'paused') this.to(this.#beforePause, null);
    // It stays so until its end is stored: that is what it waits for.
    else if (this.#state === 'stopping') this.#reason = away ? reason : null;
  }
}

function whatWasFound(found: bigint | null, ours: bigint): string {
  if (found === null) return 'it was from before this start of the runtime';
  if (found === 0n) return `nothing of it was stored any more, ours was revision ${ours}`;
  return `the stored revision was ${found}, ours ${ours}`;
}
