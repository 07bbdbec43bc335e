/** Who owns the workers of a node group: one node at a time. The embedded stores answer that with the lock of their folder. */

/** A node as its peers see it. */
export interface NodeInfo {
  /** Unique per process. */
  readonly node: string;
  readonly host: string;
  readonly pid: number;
}

/** Where a node keeps running state in front of Postgres. */
export interface RedisPlace {
  /** Of every key, before the node group. */
  readonly prefix: string;
  /** Without user and password. One server may have several names. */
  readonly where: string;
}

/**
 * - `held`: this node owns its group, and nobody else can.
 * - `cut-off`: the lease has run out because Postgres cannot be reached. Another node may own the group by now; what Redis
 *   refuses, and what it accepts, still is right.
 * - `unsure`: the lease has run out while this node stood still. Nothing may be done until it was renewed.
 * - `lost`: another node owns the group. For good.
 */
export type LeaseState = 'held' | 'cut-off' | 'unsure' | 'lost';

export interface Placement {
  readonly state: LeaseState;
  /** Until nobody else can own the group, ms; 0 when it is over. */
  readonly leftMs: number;
  /**
   * Waits until this node owns its group; `onWait` is told who does meanwhile, once per owner. Rejects with STOPPED when the
   * signal comes first, and with STORE_UNUSABLE where the owner keeps running state elsewhere than this node would.
   */
  acquire(signal: AbortSignal, onWait: (owner: NodeInfo | null) => void): Promise<void>;
  /** Called at every change of {@link Placement.state}. */
  watch(listener: (state: LeaseState, reason: string) => void): void;
  /** Lets another node take over at once. */
  release(): Promise<void>;
}
