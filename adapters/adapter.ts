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
}

export interface Capability {
  /** Does it act on the outside world? Then it runs only after the state written before it is stored. */
  readonly effect: boolean;
  /** Names of positional arguments in order; the guest turns positional and named arguments into one object. */
  readonly parameters: readonly string[];
  /** How many of them JavaScript takes in order; the rest goes into one options object. Default: all. */
  readonly positional?: number;
  /** Parses that object. Unknown keys are refused. */
  readonly input: z.ZodType;
  /**
   * Returns JSON data. A failure of the outside world comes back as `{ error: string, … }`; what the worker did wrong is
   * thrown as a RuntimeError (BAD_ARGUMENT, EGRESS_DENIED, …).
   */
  call(input: never, context: CallContext): Promise<unknown>;
}

export interface Adapter {
  /** `ctx.<name>`; lower case. */
  readonly name: string;
  readonly capabilities: Readonly<Record<string, Capability>>;
  close?(): Promise<void>;
}
