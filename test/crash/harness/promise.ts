/**
 * What the set-up promises under the faults of one round:
 *
 * - `ack: postgres`, and the embedded store: what was acknowledged is never lost.
 * - `ack: redis`: nothing is lost while the owner lives, whatever happens to Redis, since the owner has all of it. Where the owner
 *   is away too (dead, asleep, or between two claims), what is lost is
 *   - of a Redis that was emptied or put back: at most what Postgres had not yet got by checkpoint;
 *   - of a Redis that was killed: nothing with `appendfsync always`; with `everysec` at most the last two seconds before the kill,
 *     for that is how long Redis itself keeps back a write while its disk is busy.
 * - What a durable effect rested on is never lost: the oracle excuses no order.
 */
import { CHECKPOINT_MS, type World } from './world.ts';

const EVERYSEC_MS = 2_000;
/** A checkpoint begins late on a busy machine, and takes a moment. */
const CHECKPOINT_SLACK_MS = 1_500;

export type Mark = 'ownerAway' | 'redisEmptied' | 'redisKilled' | 'postgresAway';

export class Damage {
  readonly #world: World;
  readonly #from = Date.now();
  readonly #marks = new Set<Mark>();

  constructor(world: World) {
    this.#world = world;
  }

  has(mark: Mark): boolean {
    return this.#marks.has(mark);
  }

  /** Said before it is done: the claim that finds less may come at once. */
  mark(...marks: readonly Mark[]): void {
    for (const mark of marks) this.#marks.add(mark);
    const { ack, appendonly } = this.#world.options;
    if (ack === 'postgres' || !this.has('ownerAway')) return;
    if (this.has('redisEmptied')) this.#world.oracle.permitLoss(this.#from - CHECKPOINT_MS - CHECKPOINT_SLACK_MS);
    else if (this.has('redisKilled') && appendonly === 'everysec')
      this.#world.oracle.permitLoss(this.#from - EVERYSEC_MS);
  }
}
