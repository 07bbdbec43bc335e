/**
 * A worker's durable calls: the intent is stored before anything is sent, the outcome before the worker hears of it, and what
 * remains unknown is found out by its id. What the list of intents means is in intents.ts.
 *
 * An outcome stays in the head until the run that heard it has ended well, and goes with that run's commit: with it is stored
 * what the worker wrote about it. If it went before, a cell that is lost in between would take all knowledge of an order along.
 */
import type { GuestFunction } from '../../sandbox/protocol.ts';
import type { DurableRequest } from '../bridge/dispatcher.ts';
import { RuntimeError, toRuntimeError } from '../core/errors.ts';
import { CLOCK_SKEW_MS } from '../core/limits.ts';
import type { WorkerHead } from './head.ts';
import { IntentResolver, unknownBecause } from './intent-resolver.ts';
import {
  type Intent,
  intentId,
  isPending,
  NO_IDS,
  type Outcome,
  resolvedIds,
  withIntent,
  withOutcome,
  withoutIntent,
} from './intents.ts';
import type { CommitNeed } from './ledger-options.ts';
import type { RunResult } from './run-result.ts';
import type { SlotServices } from './slot-services.ts';

export interface DurableOwner {
  readonly worker: string;
  readonly head: () => Readonly<Pick<WorkerHead, 'tick' | 'intents'>>;
  readonly update: (change: Pick<WorkerHead, 'intents'>) => void;
  readonly commit: (need: CommitNeed) => Promise<void>;
}

export type DurableServices = Pick<SlotServices, 'clock' | 'log' | 'newId' | 'mayAct' | 'durableWindowMs'> & {
  readonly dispatcher: Pick<SlotServices['dispatcher'], 'resolve'>;
};

interface Run {
  readonly fn: GuestFunction;
  readonly number: number;
  calls: number;
  /** Those of its own whose outcome it was told. */
  answered: Set<string> | null;
  /** Those that it sees as resolved. */
  readonly shown: ReadonlySet<string>;
}

/** What an adapter throws by which nothing was sent. */
const NOT_SENT: ReadonlySet<string> = new Set(['BAD_ARGUMENT', 'EGRESS_DENIED']);

export class DurableCalls {
  readonly #s: DurableServices;
  readonly #owner: DurableOwner;
  /** Drawn for the first call: most workers never make one. */
  #ownerId: string | null = null;
  readonly #underWay = new Set<string>();
  readonly resolver: IntentResolver;
  #runs = 0;
  #run: Run | null = null;

  constructor(services: DurableServices, owner: DurableOwner) {
    this.#s = services;
    this.#owner = owner;
    this.resolver = new IntentResolver({
      clock: services.clock,
      pending: () => this.#intents.filter(isPending),
      isUnderWay: (id) => this.#underWay.has(id),
      // Whoever sent it, also this node: a connection that broke tells nothing of what lies in a proxy or in the service's queue.
      mayArriveUntil: ({ notAfter = 0 }) => notAfter + CLOCK_SKEW_MS,
      ask: (intent, limit) => services.dispatcher.resolve(owner.worker, intent, limit),
      onOutcome: (id, outcome) => this.#keep(withOutcome(this.#intents, id, outcome)),
    });
  }

  get #intents(): readonly Intent[] {
    return this.#owner.head().intents;
  }

  #keep(intents: readonly Intent[]): void {
    this.#owner.update({ intents });
  }

  /** Where those that the head knows went to. */
  get adapters(): readonly string[] {
    return this.#intents.map(({ adapter }) => adapter);
  }

  /** A run begins; it is shown the list as it is now. */
  begin(fn: GuestFunction): void {
    this.#run = { fn, number: ++this.#runs, calls: 0, answered: null, shown: resolvedIds(this.#intents) };
  }

  /** It is over, and its commit follows: what it knew goes with that. */
  end(outcome: RunResult['outcome']): void {
    const run = this.#run;
    this.#run = null;
    if (run === null || outcome !== 'ok' || this.#intents.length === 0) return;
    const { answered, shown } = run;
    this.#keep(this.#intents.filter(({ id }) => !(answered?.has(id) === true || (run.fn === 'tick' && shown.has(id)))));
  }

  /** `commit` as the run sees it: waiting for the store is not its time. @throws RuntimeError */
  async perform(
    request: DurableRequest,
    signal: AbortSignal,
    commit: (need: CommitNeed) => Promise<void>,
  ): Promise<string> {
    const run = this.#run;
    if (run === null || signal.aborted) throw tooLate();
    const intent = this.#intentOf(run, request);
    this.#keep(withIntent(this.#intents, intent, run.answered ?? NO_IDS));
    const { id } = intent;
    this.#underWay.add(id);
    try {
      const notAfter = await this.#permit(run, signal, commit, id);
      const json = await this.#send(run, request, id, notAfter);
      this.#keep(withOutcome(this.#intents, id, { kind: 'done', json }));
      const isHeard = this.#run === run && !signal.aborted;
      // One that comes too late is stored all the same: the next tick sees it.
      await (isHeard ? commit('now') : this.#owner.commit('soon'));
      if (this.#run === run) {
        run.answered ??= new Set();
        run.answered.add(id);
      }
      return json;
    } finally {
      this.#underWay.delete(id);
      this.resolver.again(id);
    }
  }

  #intentOf(run: Run, { adapter, method, request }: DurableRequest): Intent {
    const { worker } = this.#owner;
    const { tick } = this.#owner.head();
    const { fn, number } = run;
    const call = ++run.calls;
    this.#ownerId ??= this.#s.newId();
    const id = intentId({ worker, owner: this.#ownerId, tick, fn, run: number, call, adapter, method, request });
    const at = this.#s.clock.wallMs();
    return { id, adapter, method, tick, fn, at, notAfter: at + this.#s.durableWindowMs, request, status: 'open' };
  }

  /** Returns when it may be sent, with the end of its window. When it may not, nothing was, and the next commit forgets it. */
  async #permit(
    run: Run,
    signal: AbortSignal,
    commit: (need: CommitNeed) => Promise<void>,
    id: string,
  ): Promise<number> {
    try {
      await commit('durable');
      const { clock, durableWindowMs } = this.#s;
      let notAfter = this.#intents.find((intent) => intent.id === id)?.notAfter ?? 0;
      // A store that was away has used the window up: it begins anew, and that is stored first.
      while (clock.wallMs() > notAfter - durableWindowMs / 2 && !signal.aborted) {
        notAfter = clock.wallMs() + durableWindowMs;
        const later = notAfter;
        this.#keep(this.#intents.map((intent) => (intent.id === id ? { ...intent, notAfter: later } : intent)));
        await commit('durable');
      }
      if (!(await this.#s.mayAct(this.#owner.worker)))
        throw new RuntimeError(
          'FENCED',
          'This node may not act for the worker any more: its lease is over. Nothing was sent.',
        );
      if (signal.aborted) throw tooLate();
      return notAfter;
    } catch (thrown) {
      this.#forget(run, id);
      throw thrown;
    }
  }

  /** It was not sent. A worker that does not hear that from its call may have seen it as unknown, and has to be shown. */
  #forget(run: Run, id: string): void {
    const isHeard = this.#run === run;
    this.#keep(isHeard ? withoutIntent(this.#intents, id) : withOutcome(this.#intents, id, { kind: 'absent' }));
  }

  async #send(run: Run, { adapter, method, send }: DurableRequest, id: string, notAfter: number): Promise<string> {
    try {
      return await send(id, notAfter);
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      if (NOT_SENT.has(error.code)) {
        this.#forget(run, id);
        throw error;
      }
      if (error.code === 'INTERNAL')
        this.#s.log('error', `a call of ${this.#owner.worker} failed: ${error.stack ?? error.message}`);
      const outcome = unknownBecause(error) as Extract<Outcome, { kind: 'unknown' }>;
      this.#keep(withOutcome(this.#intents, id, outcome));
      throw new RuntimeError(
        'UPSTREAM_FAILED',
        `Nobody knows yet what became of ctx.${adapter}.${method}: ${outcome.reason}. It is found out by its id, and ctx.${adapter}.unresolved of the next tick says it; do not do it again before.`,
      );
    }
  }
}

function tooLate(): RuntimeError {
  return new RuntimeError('STOPPED', 'The call came after the end of its tick. Nothing was sent.');
}
