/**
 * Whose run may begin. While the processors keep up with what is due, nobody waits here. When they do not, the waiting is done in
 * the node, where it can be just: the workspace that has used the least goes first, and in it whoever is due longest. A worker is
 * here at most once, so no queue is longer than its workspace has workers.
 *
 * Runs have three lanes, by what the last one of the worker cost: quick ones may use a little processor time together, of slow and
 * of endless ones only a few run at once. Who outlasts its lane cannot be held back any more and counts in the next. A turn
 * covers a run's first stretch, until it is over or waits for something, and an endless one to its end; what comes later its cell
 * limits (sandbox/cell/slots.ts). Each workspace may have one run in each lane, whatever the others do.
 */
import type { Clock } from '../core/clock.ts';
import type { Overload } from '../runtime.ts';
import { WaitingLine } from './waiting-line.ts';

export interface TurnOptions {
  readonly workspace: string;
  /** Monotonic. */
  readonly dueMono: number;
  /** How long the worker's last run was in its guest, ms: without waiting, and with what it lacked of a processor. */
  readonly costMs: number;
  /** Called once, unless it is given back before; perhaps at once. */
  readonly begin: () => void;
}

/** One run's place, for {@link Turns.outlasts} and {@link Turns.giveBack}. */
export type Turn = Place;

export interface TurnsOptions {
  readonly clock: Clock;
  /** Processors that guests may use. */
  readonly cores: number;
  /** A workspace began to be overloaded, or is no more. */
  readonly onOverload: (overload: Overload, over: boolean) => void;
}

const QUICK = 0;
const SLOW = 1;
const ENDLESS = 2;
type Lane = typeof QUICK | typeof SLOW | typeof ENDLESS;

export const SLOW_AFTER_MS = 50;
export const ENDLESS_AFTER_MS = 1_000;
/** What the quick runs on their way may need together, ms per core: some turns of the wire, so that no core waits for work. */
const QUICK_MS_PER_CORE = 100;
const COST_MS_MIN = 0.05;
/** Who waits longer than this for its turn is late by more than chance. */
const OVERLOADED_MS = 1_000;
/** For how long nobody must have waited that long until it is over. */
const CALM_MS = 10_000;
const LOOK_MS = 500;
/** Workspaces that are known, before those without a run are forgotten. */
const SHARES_MAX = 1_000;

interface Share {
  readonly workspace: string;
  /** Processor time used, with a start at what the others had used when it last came from doing nothing. */
  used: number;
  /** Runs in each lane. */
  readonly running: [number, number, number];
  readonly waiting: [WaitingLine<Place>, WaitingLine<Place>, WaitingLine<Place>];
  /** Runs that wait or run. */
  active: number;
  overloadedAt: number | null;
}

interface Place {
  readonly share: Share;
  readonly dueMono: number;
  readonly costMs: number;
  readonly begin: () => void;
  askedAt: number;
  lane: Lane;
  state: 'waiting' | 'running' | 'over';
  cancelTimer: (() => void) | null;
}

export class Turns {
  readonly #o: TurnsOptions;
  readonly #shares = new Map<string, Share>();
  /** Of all workspaces: quick in ms of cost, the others in runs. */
  readonly #taken: [number, number, number] = [0, 0, 0];
  readonly #room: readonly [number, number, number];
  /** Of all workspaces. */
  readonly #waiting: [number, number, number] = [0, 0, 0];
  /** What the workspace had used that went last. */
  #usedLast = 0;
  #cancelLook: (() => void) | null = null;

  constructor(options: TurnsOptions) {
    this.#o = options;
    this.#room = [options.cores * QUICK_MS_PER_CORE, options.cores, options.cores];
  }

  ask({ workspace, dueMono, costMs, begin }: TurnOptions): Turn {
    const share = this.#shareOf(workspace);
    const lane = laneOf(costMs);
    const place: Place = {
      share,
      dueMono,
      costMs: Math.max(costMs, COST_MS_MIN),
      begin,
      askedAt: this.#o.clock.monoMs(),
      lane,
      state: 'waiting',
      cancelTimer: null,
    };
    share.active += 1;
    if (this.#waiting[lane] === 0 && this.#fits(share, place, lane)) {
      this.#admit(place, lane);
      return place;
    }
    share.waiting[lane].add(place);
    this.#waiting[lane] += 1;
    this.#serve(lane);
    this.#lookLater();
    return place;
  }

  /** What a run of the workspace has really used. */
  spent(workspace: string, cpuMs: number, costMs: number): void {
    this.#shareOf(workspace).used += cpuMs - Math.max(costMs, COST_MS_MIN);
  }

  /** Who is overloaded now. */
  get overloads(): readonly Overload[] {
    return [...this.#shares.values()]
      .filter((share) => share.overloadedAt !== null)
      .map((share) => this.#loadOf(share));
  }

  close(): void {
    this.#cancelLook?.();
  }

  #lookLater(): void {
    this.#cancelLook ??= this.#o.clock.after(LOOK_MS, () => {
      this.#cancelLook = null;
      this.#look();
    });
  }

  /** Somebody waits, or did lately. */
  #look(): void {
    const now = this.#o.clock.monoMs();
    for (const share of this.#shares.values()) {
      const load = this.#loadOf(share);
      if (load.oldestMs >= OVERLOADED_MS) {
        if (share.overloadedAt === null) this.#o.onOverload(load, false);
        share.overloadedAt = now;
      } else if (share.overloadedAt !== null && now - share.overloadedAt > CALM_MS) {
        share.overloadedAt = null;
        this.#o.onOverload(load, true);
      }
      if (load.waiting > 0 || share.overloadedAt !== null) this.#lookLater();
    }
  }

  #shareOf(workspace: string): Share {
    let share = this.#shares.get(workspace);
    if (share === undefined) {
      if (this.#shares.size >= SHARES_MAX) this.#forgetIdle();
      const line = (): WaitingLine<Place> => new WaitingLine((place) => place.state === 'waiting');
      share = {
        workspace,
        used: this.#usedLast,
        running: [0, 0, 0],
        waiting: [line(), line(), line()],
        active: 0,
        overloadedAt: null,
      };
      this.#shares.set(workspace, share);
    } else if (share.active === 0) share.used = Math.max(share.used, this.#usedLast);
    return share;
  }

  /** One that comes back begins where the others are, as every new one does. */
  #forgetIdle(): void {
    for (const [workspace, share] of this.#shares)
      if (share.active === 0 && share.overloadedAt === null) this.#shares.delete(workspace);
  }

  #serve(lane: Lane): void {
    for (let place = this.#next(lane); place !== undefined; place = this.#next(lane)) {
      place.share.waiting[lane].shift();
      this.#waiting[lane] -= 1;
      this.#admit(place, lane);
    }
  }

  #admit(place: Place, lane: Lane): void {
    const { share } = place;
    place.state = 'running';
    this.#usedLast = Math.max(this.#usedLast, share.used);
    share.used += place.costMs;
    this.#take(place, lane);
    place.begin();
  }

  #fits(share: Share, place: Place, lane: Lane): boolean {
    return share.running[lane] === 0 || this.#taken[lane] + weightOf(place, lane) <= this.#room[lane];
  }

  /** Of the workspaces that may begin one in this lane, the first in line of the one that has used the least. */
  #next(lane: Lane): Place | undefined {
    let best: Place | undefined;
    for (const share of this.#shares.values()) {
      const first = share.waiting[lane].first;
      if (first === undefined || (best !== undefined && share.used >= best.share.used)) continue;
      if (this.#fits(share, first, lane)) best = first;
    }
    return best;
  }

  /** The run goes on for longer than its lane is for. */
  outlasts(place: Turn): void {
    if (place.state !== 'running' || place.lane === ENDLESS) return;
    const from = place.lane;
    this.#leave(place);
    this.#take(place, from === QUICK ? SLOW : ENDLESS);
    this.#serve(from);
  }

  /**
   * The run waits for something. What it does afterwards only its cell limits, so those that are known to use much keep their place to
   * the end: one short wait would let them past everybody.
   */
  rests(place: Turn): void {
    if (place.lane !== ENDLESS) this.giveBack(place);
  }

  /** The run is over, or will never be. */
  giveBack(place: Turn): void {
    if (place.state === 'over') return;
    const waited = place.state === 'waiting';
    place.state = 'over';
    place.share.active -= 1;
    if (waited) {
      this.#waiting[place.lane] -= 1;
      return;
    }
    this.#leave(place);
    if (this.#waiting[place.lane] > 0) this.#serve(place.lane);
  }

  #take(place: Place, lane: Lane): void {
    place.lane = lane;
    place.share.running[lane] += 1;
    this.#taken[lane] += weightOf(place, lane);
    if (lane === SLOW) place.cancelTimer = this.#o.clock.after(ENDLESS_AFTER_MS, () => this.outlasts(place));
  }

  #leave(place: Place): void {
    place.cancelTimer?.();
    place.cancelTimer = null;
    place.share.running[place.lane] -= 1;
    this.#taken[place.lane] -= weightOf(place, place.lane);
  }

  #loadOf(share: Share): Overload {
    const now = this.#o.clock.monoMs();
    let waiting = 0;
    let oldestMs = 0;
    for (const line of share.waiting) {
      waiting += line.size;
      const { first } = line;
      if (first !== undefined) oldestMs = Math.max(oldestMs, now - first.askedAt);
    }
    return { workspace: share.workspace, waiting, oldestMs };
  }
}

function laneOf(costMs: number): Lane {
  if (costMs < SLOW_AFTER_MS) return QUICK;
  return costMs < ENDLESS_AFTER_MS ? SLOW : ENDLESS;
}

const weightOf = (place: Place, lane: Lane): number => (lane === QUICK ? place.costMs : 1);
