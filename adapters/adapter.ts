/**
 * An adapter is a set of capabilities towards one outside system. It runs in the node, never in a cell; a worker
 * reaches it as `ctx.<name>.<method>(…)`. The bridge checks arguments, grants, quotas and the commit rule before `call`.
 */
import type { z } from 'zod';

export interface CallContext {
  /** `workspace/name` of the calling worker. */
  readonly worker: string;
  readonly tick: number;
  /** Aborted when the tick ends, times out or the worker stops. */
  readonly signal: AbortSignal;
  /** Milliseconds left in the tick when the call arrived. */
  readonly remainingMs: number;
  /**
   * Of a durable call: 32 characters of [0-9a-f], never used for anything else. It has to reach the service as the idempotency
   * key of this very request (Bybit's `orderLinkId`, an `Idempotency-Key`). Null for every other call.
   */
  readonly intentId: string | null;
  /**
   * Of a durable call: Unix ms after which the service must not act on it any more. Send it along as the request's receive window (Bybit's
   * `recv_window`) where the service knows one: it is what stops a node that slept between its last look at its lease and the
   * sending. Null for every other call.
   */
  readonly notAfter: number | null;
}

/** What was stored before a durable call was sent. */
export interface DurableIntent {
  /** The {@link CallContext.intentId} that the call had. */
  readonly id: string;
  readonly method: string;
  /** What `input` had parsed, as JSON brought it back. */
  readonly request: unknown;
  readonly tick: number;
  /** When it was stored, Unix ms: nothing was sent before. */
  readonly at: number;
  /** The {@link CallContext.notAfter} that the call had, Unix ms. */
  readonly notAfter: number;
}

/**
 * What became of a durable call.
 *
 * - `done`: the service has acted, or refused for good; `result` is what `call` would have returned.
 * - `absent`: the service has not acted under this id **and never will**: the worker may do it again, under another id. Say it
 *   only when the request cannot be on its way any more: where the service may still take it, not before `notAfter` has passed.
 *   Whoever sent it, the engine believes it one second after that at the earliest, and asks again right then.
 * - `unknown`: it cannot be told now; it is asked again later.
 */
export type Resolution =
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface ResolveContext {
  readonly worker: string;
  /** Aborted after {@link remainingMs}, and when the worker stops. */
  readonly signal: AbortSignal;
  readonly remainingMs: number;
}

interface AnyCapability {
  /** Names of positional arguments in order; the guest turns positional and named arguments into one object. */
  readonly parameters: readonly string[];
  /** How many of them JavaScript takes in order; the rest goes into one options object. Default: all. */
  readonly positional?: number;
  /** Parses that object. Unknown keys are refused. */
  readonly input: z.ZodType;
  /**
   * Returns JSON data. A failure of the outside world comes back as `{ error: string, … }`; what the worker did wrong is
   * thrown as a RuntimeError (BAD_ARGUMENT, EGRESS_DENIED, …).
   *
   * Of a durable capability, how it ends says what is known:
   * - it **returns**: final, with `error` or without. Whatever the service was to do under this id is done or refused for good;
   *   a failure before anything was sent (no connection) may be returned too, since nothing will ever happen.
   * - it **throws BAD_ARGUMENT or EGRESS_DENIED**: nothing was sent.
   * - it **throws anything else**, or answers after its tick: the outcome is unknown, and `resolve` is asked by id. A connection that breaks
   *   after the request was sent, a timeout, a 500 and an aborted signal all belong here.
   */
  call(input: never, context: CallContext): Promise<unknown>;
}

interface PlainCapability extends AnyCapability {
  /** Does it act on the outside world? Then it runs only after the state written before it is stored. */
  readonly effect: boolean;
  readonly durable?: false;
}

/**
 * An effect that must neither be lost nor happen twice, such as an order. Before `call` is entered an intent with everything written
 * before is stored in every copy that the store keeps. The engine never sends it again by itself: what became of one whose
 * outcome is unknown it asks `resolve`, and shows the worker as `ctx.<name>.unresolved`.
 */
interface DurableCapability extends AnyCapability {
  readonly effect: true;
  readonly durable: true;
  /** Asks the service what it knows of this id, and changes nothing there. What it throws counts as `unknown`. Limit 10 s. */
  resolve(intent: DurableIntent, context: ResolveContext): Promise<Resolution>;
}

export type Capability = PlainCapability | DurableCapability;

export interface Adapter {
  /** `ctx.<name>`; lower case. */
  readonly name: string;
  readonly capabilities: Readonly<Record<string, Capability>>;
  close?(): Promise<void>;
}
