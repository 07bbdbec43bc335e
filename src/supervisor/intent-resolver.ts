/**
 * Asks adapters what became of durable calls whose outcome is unknown: each at once in a new life and after the run that made it, then
 * again and again with longer pauses, and right after the moment from which on "absent" counts. It works while a life is lived, and
 * only asks: nothing is ever sent again.
 */

import type { Clock } from '../core/clock.ts';
import { toRuntimeError } from '../core/errors.ts';
import { RESOLVE_MS_MAX, RESOLVES_MAX } from '../core/limits.ts';
import type { Intent, Outcome } from './intents.ts';

export interface ResolverOptions {
  readonly clock: Clock;
  /** Those whose outcome is not known. */
  readonly pending: () => readonly Intent[];
  /** Is its call still unanswered in this node? Then "absent" means nothing. */
  readonly isUnderWay: (id: string) => boolean;
  /** Unix ms until which the service may still get it, or act on it. Then it means nothing either. */
  readonly mayArriveUntil: (intent: Intent) => number;
  readonly ask: (intent: Intent, limit: { signal: AbortSignal; remainingMs: number }) => Promise<Outcome>;
  readonly onOutcome: (id: string, outcome: Outcome) => void;
}

const PAUSE_MS_MIN = 1_000;
const PAUSE_MS_MAX = 60_000;

export class IntentResolver {
  readonly #o: ResolverOptions;
  /** Aborted when the life ends; null between two lives. */
  #life: AbortController | null = null;
  /** How often each was asked about in this life. */
  readonly #tries = new Map<string, number>();
  readonly #pauses = new Map<string, () => void>();
  #asking = 0;
  readonly #queue: (() => void)[] = [];

  constructor(options: ResolverOptions) {
    this.#o = options;
  }

  /** A life begins. */
  wake(): void {
    this.rest();
    this.#life = new AbortController();
  }

  /** It ends: nothing is asked any more, and whoever waits goes on. */
  rest(): void {
    this.#life?.abort();
    this.#life = null;
    for (const cancel of this.#pauses.values()) cancel();
    this.#pauses.clear();
    this.#tries.clear();
    for (const go of this.#queue.splice(0)) go();
  }

  /** Resolves when each that is pending was asked about at least once, or that takes too long. No run may be in flight. */
  async ready(): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    const first = this.#o.pending().filter(({ id }) => !this.#tries.has(id));
    if (first.length === 0) return;
    const late = Promise.withResolvers<void>();
    const cancel = this.#o.clock.after(RESOLVE_MS_MAX, late.resolve);
    const asked = Promise.all(first.map(({ id }) => this.#ask(id, life)));
    await Promise.race([asked, late.promise, aborted(life.signal)]).finally(cancel);
  }

  /** Its call has ended without an answer: what was asked before, with longer and longer pauses, said nothing. */
  again(id: string): void {
    const cancel = this.#pauses.get(id);
    if (cancel === undefined || this.#life === null) return;
    cancel();
    this.#pauses.delete(id);
    this.#tries.delete(id);
    void this.#ask(id, this.#life);
  }

  async #ask(id: string, life: AbortController): Promise<void> {
    const tries = (this.#tries.get(id) ?? 0) + 1;
    this.#tries.set(id, tries);
    while (this.#asking >= RESOLVES_MAX && !life.signal.aborted)
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    if (life.signal.aborted) return;
    const intent = this.#find(id);
    if (intent === undefined) {
      this.#queue.shift()?.();
      return;
    }
    this.#asking += 1;
    const askedAt = this.#o.clock.wallMs();
    let outcome: Outcome;
    try {
      outcome = await this.#askOnce(intent, life.signal);
    } finally {
      this.#asking -= 1;
      this.#queue.shift()?.();
    }
    if (life.signal.aborted) return;
    this.#o.onOutcome(id, outcome);
    if (outcome.kind === 'unknown') return this.#later(id, life, tries, askedAt);
    this.#tries.delete(id);
  }

  async #askOnce(intent: Intent, life: AbortSignal): Promise<Outcome> {
    const underWay = this.#o.isUnderWay(intent.id);
    const mayArrive = this.#o.clock.wallMs() <= this.#o.mayArriveUntil(intent);
    const limit = new AbortController();
    const cancel = this.#o.clock.after(RESOLVE_MS_MAX, () => limit.abort());
    const signal = AbortSignal.any([life, limit.signal]);
    const late: Outcome = { kind: 'unknown', reason: `the service did not answer within ${RESOLVE_MS_MAX / 1_000} s` };
    try {
      const asked = this.#o.ask(intent, { signal, remainingMs: RESOLVE_MS_MAX }).catch(unknownBecause);
      const outcome = await Promise.race([asked, aborted(signal).then(() => late)]);
      if (outcome.kind !== 'absent' || (!underWay && !mayArrive))
        return limit.signal.aborted && outcome.kind === 'unknown' ? late : outcome;
      return { kind: 'unknown', reason: underWay ? 'the call is still under way' : 'it may still be on its way' };
    } finally {
      cancel();
    }
  }

  #later(id: string, life: AbortController, tries: number, askedAt: number): void {
    const intent = this.#find(id);
    if (intent === undefined) return;
    let pauseMs = Math.min(PAUSE_MS_MIN * 2 ** (tries - 1), PAUSE_MS_MAX);
    const until = this.#o.mayArriveUntil(intent);
    // The first question that may be answered with "absent" is not put off.
    if (askedAt <= until) pauseMs = Math.min(pauseMs, Math.max(until + 1 - this.#o.clock.wallMs(), 0));
    const cancel = this.#o.clock.after(pauseMs, () => {
      this.#pauses.delete(id);
      void this.#ask(id, life);
    });
    this.#pauses.set(id, cancel);
  }

  /** As it stands now: its call may have been answered meanwhile, or its window have begun anew. */
  #find(id: string): Intent | undefined {
    const intent = this.#o.pending().find((one) => one.id === id);
    if (intent === undefined) this.#tries.delete(id);
    return intent;
  }
}

export function unknownBecause(thrown: unknown): Outcome {
  const { code, message } = toRuntimeError(thrown);
  // What a mistake in an adapter says may name the host's files.
  return { kind: 'unknown', reason: code === 'INTERNAL' ? 'the adapter failed' : message };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
