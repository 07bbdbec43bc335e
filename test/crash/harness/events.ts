/** What a node tells the witness, and how it is started. Numbers above 2^53 travel as text. */
import type { Ack, Setup } from './options.ts';

export interface NodeConfig {
  readonly node: string;
  readonly dataDir: string;
  readonly setup: Setup;
  readonly ack: Ack;
  readonly postgresUrl: string;
  readonly redisUrl: string;
  /** Names the schema in Postgres and the prefix in Redis: a new one is an empty store. */
  readonly generation: string;
  readonly checkpointMs: number;
  readonly leaseMs: number;
  readonly exchangeUrl: string;
  readonly witnessUrl: string;
  readonly python: boolean;
  readonly plant: string | null;
}

/** Set by the driver: `name:kill|error|delay`. Read by node-child.ts, and by nothing that is shipped. */
export const FAILPOINT_VARIABLE = 'TICK_RUNTIME_FAILPOINT';

/** Another node took over; the child has ended all workers. */
export const EXIT_LOST = 3;
/** It could not start, since a store did not answer. */
export const EXIT_UNAVAILABLE = 4;

/** Long values are cut: what tells one from another stands at their beginning. */
export type Entries = readonly (readonly [key: string, json: string | null])[];

export type NodeEvent =
  /** `epoch`: of the claim that gave it. */
  | { readonly kind: 'claim'; readonly worker: string; readonly epoch: string; readonly entries: Entries }
  | { readonly kind: 'state'; readonly worker: string; readonly epoch: string; readonly changes: Entries }
  | {
      readonly kind: 'tick';
      readonly worker: string;
      readonly epoch: string;
      readonly tick: number;
      readonly outcome: string;
      readonly error: string | null;
    }
  /** About to be sent: its id, and what state it rests on. */
  | {
      readonly kind: 'order';
      readonly worker: string;
      readonly epoch: string;
      readonly id: string;
      readonly symbol: string;
    }
  | {
      readonly kind: 'worker';
      readonly worker: string;
      readonly to: string;
      readonly reason: string | null;
      readonly code: string | null;
    }
  | { readonly kind: 'cell'; readonly pid: number; readonly event: string }
  | { readonly kind: 'placement'; readonly state: string }
  | { readonly kind: 'failpoint'; readonly name: string }
  | { readonly kind: 'log'; readonly text: string };

/** `at`: Unix ms, when it happened. */
export type Told = NodeEvent & { readonly at: number };

export interface Batch {
  readonly node: string;
  readonly pid: number;
  readonly events: readonly Told[];
}
