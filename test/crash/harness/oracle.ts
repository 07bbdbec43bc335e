/**
 * What was acknowledged, and what must therefore hold of everything that is told later. A worker's life is a chain of epochs: each
 * begins with the state that its claim found, and every acknowledged state of an earlier one must be in that. What one
 * node tells late is judged by its epoch, not by when it comes.
 */
import type { Entries, Told } from './events.ts';
import type { HarnessWorker } from './workers.ts';

export interface Violation {
  readonly rule: string;
  readonly worker: string;
  readonly expected: string;
  readonly found: string;
}

interface Acknowledged {
  readonly n: number;
  readonly at: number;
}

/** One owner of one worker. */
interface Reign {
  readonly epoch: bigint;
  readonly node: string;
  /** What its claim found. */
  readonly from: number;
  readonly claimedAt: number;
  readonly state: Map<string, string>;
  acked: Acknowledged[];
  firstTick: number;
  /** Some of it was lost where the promise leaves that open, and its numbers come again. */
  lossy: boolean;
  lastTick: number;
}

const KEPT = 5_000;

export class Oracle {
  readonly violations: Violation[] = [];
  readonly #workers: ReadonlyMap<string, HarnessWorker>;
  readonly #reigns = new Map<string, Reign[]>();
  readonly #lastTickAt = new Map<string, number>();
  /** Of each worker, since {@link Oracle.watch}. */
  readonly #firstTickAt = new Map<string, number>();
  #watchedFrom = 0;
  /** Ids of orders. */
  readonly #sent = new Set<string>();
  /** Acknowledged before it: never lost. From then on a loss is what the set-up's promise leaves open. */
  #mayLoseFrom = Infinity;
  ticks = 0;
  commits = 0;
  /** Acknowledged states that were lost where the promise leaves it open. */
  permittedLosses = 0;

  constructor(workers: ReadonlyMap<string, HarnessWorker>) {
    this.#workers = workers;
  }

  get names(): readonly string[] {
    return [...this.#workers.keys()];
  }

  /** When its last tick ended well, Unix ms; 0 for none. */
  lastTickAt(worker: string): number {
    return this.#lastTickAt.get(worker) ?? 0;
  }

  /** Looks for the first tick of every worker that ends well after this. */
  watch(since: number): void {
    this.#watchedFrom = since;
    this.#firstTickAt.clear();
  }

  /** Since {@link watch}; null for none. */
  firstTickAt(worker: string): number | null {
    return this.#firstTickAt.get(worker) ?? null;
  }

  /** The highest acknowledged count, as of the last epoch; null for a worker that was never claimed. */
  acknowledged(worker: string): number | null {
    const last = this.#reigns.get(worker)?.at(-1);
    return last === undefined ? null : highest(last);
  }

  owner(worker: string): string | null {
    return this.#reigns.get(worker)?.at(-1)?.node ?? null;
  }

  /** Since `from` a promise had a gap. */
  permitLoss(from: number): void {
    this.#mayLoseFrom = Math.min(this.#mayLoseFrom, from);
  }

  promiseAgain(): void {
    this.#mayLoseFrom = Infinity;
  }

  violate(rule: string, worker: string, expected: string, found: string): void {
    this.violations.push({ rule, worker, expected, found });
  }

  take(node: string, event: Told): void {
    switch (event.kind) {
      case 'claim':
        return this.#claim(node, event.worker, BigInt(event.epoch), event.entries, event.at);
      case 'state':
        return this.#state(event.worker, BigInt(event.epoch), event.changes, event.at);
      case 'tick':
        return this.#tick(event.worker, BigInt(event.epoch), event);
      case 'order':
        return this.#order(event.worker, event.id, event.symbol);
      case 'worker':
        // Those of a node that lost its lease end; its successor has them.
        if (
          (event.to === 'failed' && event.code !== 'FENCED' && event.reason?.includes('another node') !== true) ||
          event.to === 'invalid'
        )
          this.violate('no error is charged by a fault', event.worker, 'running', `${event.to}: ${event.reason}`);
        return;
      default:
        return;
    }
  }

  #claim(node: string, worker: string, epoch: bigint, entries: Entries, claimedAt: number): void {
    const reigns = this.#reigns.get(worker) ?? [];
    this.#reigns.set(worker, reigns);
    const state = new Map(entries.map(([key, json]) => [key, json ?? 'null']));
    const from = numberOf(state, 'n');
    const reign = { epoch, node, from, claimedAt, state, acked: [], firstTick: Infinity, lossy: false, lastTick: 0 };
    if (reigns.some((one) => one.epoch === epoch))
      this.violate('an epoch is granted once', worker, 'a new epoch', `${epoch} for ${node} too`);
    reigns.push(reign);
    reigns.sort((a, b) => (a.epoch < b.epoch ? -1 : 1));
    this.#check(worker, reign, 'what a claim found');
    for (const earlier of reigns) if (earlier.epoch < epoch) this.#compare(worker, earlier, reign);
    const next = reigns[reigns.indexOf(reign) + 1];
    if (next !== undefined) this.#compare(worker, reign, next);
    if (reigns.length > 20) reigns.shift();
  }

  /** Everything that the earlier one acknowledged is in what the later one found. */
  #compare(worker: string, earlier: Reign, later: Reign): void {
    const known = highest(earlier);
    if (later.from < known) {
      const promised = earlier.acked.filter(({ at }) => at < this.#mayLoseFrom).at(-1)?.n ?? earlier.from;
      if (later.from < promised || earlier.from > later.from)
        this.violate(
          'no acknowledged write is lost',
          worker,
          `epoch ${later.epoch} (${later.node}) begins with n ≥ ${promised}, which epoch ${earlier.epoch} (${earlier.node}) acknowledged`,
          `n = ${later.from}${this.#mayLoseFrom === Infinity ? '' : ` (and a loss was open for what came after ${this.#mayLoseFrom})`}`,
        );
      this.permittedLosses += known - later.from;
      earlier.acked = earlier.acked.filter(({ n }) => n <= later.from);
      earlier.lossy = true;
    }
    if (!earlier.lossy && earlier.lastTick >= later.firstTick)
      this.violate('a tick number is used once', worker, `above ${earlier.lastTick}`, `${later.firstTick}`);
  }

  #state(worker: string, epoch: bigint, changes: Entries, at: number): void {
    const reign = this.#reignOf(worker, epoch);
    if (reign === undefined) return;
    this.commits += 1;
    const before = numberOf(reign.state, 'n');
    for (const [key, json] of changes)
      if (json === null) reign.state.delete(key);
      else reign.state.set(key, json);
    const n = numberOf(reign.state, 'n');
    if (n !== before && n !== before + 1)
      this.violate('an acknowledged sequence has neither gap nor repetition', worker, `${before + 1}`, `${n}`);
    this.#check(worker, reign, 'what was acknowledged');
    if (n === before) return;
    reign.acked.push({ n, at });
    if (reign.acked.length > KEPT) reign.acked.splice(0, KEPT / 2);
    for (const later of this.#reigns.get(worker) ?? []) if (later.epoch > epoch) this.#compare(worker, reign, later);
  }

  #check(worker: string, { state, epoch }: Reign, what: string): void {
    const text = (key: string): string => state.get(key) ?? '';
    const get = (key: string): unknown => {
      const json = state.get(key);
      return json === undefined ? undefined : JSON.parse(json);
    };
    const wrong = this.#workers.get(worker)?.check(get, text) ?? null;
    if (wrong !== null) this.violate('a state is whole', worker, `${what} in epoch ${epoch} fits together`, wrong);
  }

  #tick(worker: string, epoch: bigint, { tick, outcome, error, at }: Extract<Told, { kind: 'tick' }>): void {
    if (outcome === 'error' || outcome === 'timeout' || outcome === 'memory')
      this.violate('no error is charged by a fault', worker, `tick ${tick} is ok`, `${outcome}: ${error}`);
    const reign = this.#reignOf(worker, epoch);
    if (reign === undefined) return;
    if (tick <= reign.lastTick)
      this.violate('a tick number is used once', worker, `above ${reign.lastTick}`, `${tick} in epoch ${epoch}`);
    reign.lastTick = tick;
    reign.firstTick = Math.min(reign.firstTick, tick);
    for (const other of this.#reigns.get(worker) ?? [])
      if (other.epoch < epoch && !other.lossy && other.lastTick >= tick)
        this.violate(
          'a tick number is used once',
          worker,
          `above ${other.lastTick} of epoch ${other.epoch}`,
          `${tick}`,
        );
    if (outcome !== 'ok') return;
    this.ticks += 1;
    this.#lastTickAt.set(worker, at);
    if (at > this.#watchedFrom && !this.#firstTickAt.has(worker)) this.#firstTickAt.set(worker, at);
  }

  #order(worker: string, id: string, symbol: string): void {
    if (this.#sent.has(id)) this.violate('an order is sent once', worker, 'a new id', `${id} again (${symbol})`);
    this.#sent.add(id);
  }

  /** Those that are at the exchange, in the order in which it took them: worker|order|n|generation|epoch. */
  checkOrders(symbols: readonly string[], generation: string): void {
    const placed = new Map<string, number>();
    for (const symbol of symbols) {
      const [name, next, n, of, epoch = '0'] = symbol.split('|');
      if (of !== generation) continue;
      const worker = `default/${name}`;
      const count = placed.get(worker) ?? 0;
      placed.set(worker, count + 1);
      if (Number(next) !== count) this.violate('each order is placed once', worker, `order ${count}`, symbol);
      for (const reign of this.#reigns.get(worker) ?? [])
        if (reign.epoch > BigInt(epoch) && reign.from < Number(n))
          this.violate(
            'no order rests on a state that was lost',
            worker,
            `epoch ${reign.epoch} begins with n ≥ ${n}, on which ${symbol} rests`,
            `n = ${reign.from}`,
          );
    }
  }

  #reignOf(worker: string, epoch: bigint): Reign | undefined {
    const reign = this.#reigns.get(worker)?.find((one) => one.epoch === epoch);
    if (reign === undefined && epoch === 0n) this.violate('a claim comes first', worker, 'a claim', 'none');
    return reign;
  }
}

const highest = ({ acked, from }: Reign): number => acked.at(-1)?.n ?? from;

function numberOf(state: ReadonlyMap<string, string>, key: string): number {
  const json = state.get(key);
  return json === undefined ? 0 : Number(JSON.parse(json));
}
