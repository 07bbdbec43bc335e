/**
 * Asks adapters what became of durable calls whose outcome is unknown: each at once in a new life and after the run that made it, then
 * again and again with longer pauses. It works while a life is lived, and only asks: nothing is ever sent again.
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
  /** May another process still send it, or the service still act on it? Then it means nothing either. */
  readonly mayArrive: (intent: Intent) => boolean;
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
    const asked = Promise.all(first.map((intent) => this.#ask(intent, life)));
    await Promise.race([asked, late.promise, aborted(life.signal)]).finally(cancel);
  }

  async #ask(intent: Intent, life: AbortController): Promise<void> {
    const { id } = intent;
    const tries = (this.#tries.get(id) ?? 0) + 1;
    this.#tries.set(id, tries);
    while (this.#asking >= RESOLVES_MAX && !life.signal.aborted)
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    if (life.signal.aborted) return;
    this.#asking += 1;
    let outcome: Outcome;
    try {
      outcome = await this.#askOnce(intent, life.signal);
    } finally {
      this.#asking -= 1;
      this.#queue.shift()?.();
    }
    if (life.signal.aborted) return;
    this.#o.onOutcome(id, outcome);
    if (outcome.kind === 'unknown') return this.#later(intent, life, tries);
    this.#tries.delete(id);
  }

  async #askOnce(intent: Intent, life: AbortSignal): Promise<Outcome> {
    const underWay = this.#o.isUnderWay(intent.id);
    const mayArrive = this.#o.mayArrive(intent);
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

  #later(intent: Intent, life: AbortController, tries: number): void {
    const { id } = intent;
    const pauseMs = Math.min(PAUSE_MS_MIN * 2 ** (tries - 1), PAUSE_MS_MAX);
    const cancel = this.#o.clock.after(pauseMs, () => {
      this.#pauses.delete(id);
      // Its call may have been answered meanwhile.
      if (this.#o.pending().some((one) => one.id === id)) void this.#ask(intent, life);
      else this.#tries.delete(id);
    });
    this.#pauses.set(id, cancel);
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
