/**
 * Both stores in memory: for tests, and for an engine that may forget everything when it ends. The same semantics as
 * those on disk, held to by the same contract tests; nothing in it is a shortcut that only a test would accept.
 */
import { RuntimeError } from '../core/errors.ts';
import { COMMITTED, decideCommit, decideReplacement, refuseCommit, refuseReplacement } from './commit-rule.ts';
import type {
  Claimed,
  Commit,
  CommitResult,
  LogQuery,
  LogRecord,
  MinuteRecord,
  RecordStore,
  Replacement,
  StateStore,
  StoredWorker,
  TickRecord,
  WorkerId,
} from './contracts.ts';

interface Slot {
  epoch: bigint;
  revision: bigint;
  commitId: string | null;
  head: string | null;
  checksum?: string | undefined;
  readonly state: Map<string, string>;
}

export class MemoryStateStore implements StateStore {
  readonly #workers = new Map<WorkerId, Slot>();
  #removedEpoch = 0n;
  #closed = false;

  /** `planted` are workers that are there from the beginning, with no state and no head. */
  constructor(planted: readonly { worker: WorkerId; epoch: bigint; revision: bigint }[] = []) {
    for (const { worker, epoch, revision } of planted) {
      this.#workers.set(worker, { epoch, revision, commitId: null, head: null, state: new Map() });
    }
  }

  async claim(worker: WorkerId): Promise<Claimed> {
    this.#checkOpen();
    let slot = this.#workers.get(worker);
    if (slot === undefined) {
      slot = { epoch: this.#removedEpoch, revision: 0n, commitId: null, head: null, state: new Map() };
      this.#workers.set(worker, slot);
    }
    slot.epoch += 1n;
    return toClaimed(slot);
  }

  async read(worker: WorkerId): Promise<Claimed | null> {
    this.#checkOpen();
    const slot = this.#workers.get(worker);
    return slot === undefined ? null : toClaimed(slot);
  }

  async commit(commit: Commit): Promise<CommitResult> {
    this.#checkOpen();
    const refusal = refuseCommit(commit);
    if (refusal !== null) throw refusal;
    const slot = this.#workers.get(commit.worker);
    const decision = decideCommit(slot, commit);
    if (decision.kind !== 'apply') return decision;
    if (slot === undefined) return { kind: 'stale', revision: 0n };
    slot.revision = commit.revision;
    slot.commitId = commit.commitId;
    slot.head = commit.head;
    slot.checksum = commit.checksum;
    for (const { key, json } of commit.changes) {
      if (json === null) slot.state.delete(key);
      else slot.state.set(key, json);
    }
    return COMMITTED;
  }

  async replace(replacement: Replacement): Promise<CommitResult> {
    this.#checkOpen();
    const refusal = refuseReplacement(replacement);
    if (refusal !== null) throw refusal;
    const { worker, epoch, revision, commitId, head, entries, checksum } = replacement;
    const decision = decideReplacement(this.#workers.get(worker), this.#removedEpoch, replacement);
    if (decision.kind !== 'apply') return decision;
    this.#workers.set(worker, { epoch, revision, commitId, head, checksum, state: new Map(entries) });
    return COMMITTED;
  }

  async remove(worker: WorkerId, epoch: bigint): Promise<CommitResult> {
    this.#checkOpen();
    const slot = this.#workers.get(worker);
    if (slot === undefined) return COMMITTED;
    if (slot.epoch !== epoch) return { kind: 'fenced', epoch: slot.epoch };
    if (slot.epoch > this.#removedEpoch) this.#removedEpoch = slot.epoch;
    this.#workers.delete(worker);
    return COMMITTED;
  }

  async list(): Promise<readonly StoredWorker[]> {
    this.#checkOpen();
    return [...this.#workers]
      .map(([worker, { epoch, revision, head }]) => ({ worker, epoch, revision, head }))
      .sort((a, b) => (a.worker < b.worker ? -1 : 1));
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new RuntimeError('STORE_UNAVAILABLE', 'the state store cannot answer: it is closed');
  }
}

function toClaimed({ epoch, revision, head, checksum, state }: Slot): Claimed {
  return { epoch, revision, head, entries: [...state], ...(checksum === undefined ? {} : { checksum }) };
}

export interface MemoryRetention {
  /** Ticks that were ok, per worker. Default 1,000. */
  readonly ticksPerWorker?: number;
  /** Log lines over all workers. Default 10,000. */
  readonly logLines?: number;
}

interface Told {
  readonly ok: TickRecord[];
  /** Setups, and ticks that were not ok. */
  readonly kept: TickRecord[];
  readonly order: Map<TickRecord, number>;
  readonly minutes: Map<number, MinuteRecord>;
}

const LEVELS = ['debug', 'info', 'warn', 'error'];
const KEPT_PER_WORKER = 10_000;
const MINUTES_PER_WORKER = 30 * 24 * 60;

export class MemoryRecordStore implements RecordStore {
  readonly #ticksPerWorker: number;
  readonly #logLines: number;
  readonly #workers = new Map<WorkerId, Told>();
  #logs: LogRecord[] = [];
  #arrivals = 0;
  #dropped = 0;
  #closed = false;

  constructor(retention: MemoryRetention = {}) {
    this.#ticksPerWorker = retention.ticksPerWorker ?? 1_000;
    this.#logLines = retention.logLines ?? 10_000;
  }

  appendTick(record: TickRecord): void {
    if (this.#closed) {
      this.#dropped += 1;
      return;
    }
    const told = this.#told(record.worker);
    const plain = record.fn === 'tick' && record.outcome === 'ok';
    const list = plain ? told.ok : told.kept;
    list.push(record);
    told.order.set(record, this.#arrivals++);
    if (list.length > (plain ? this.#ticksPerWorker : KEPT_PER_WORKER)) {
      const oldest = list.shift();
      if (oldest !== undefined) told.order.delete(oldest);
    }
    if (record.fn === 'tick') addToMinute(told.minutes, record);
  }

  appendLog(record: LogRecord): void {
    if (this.#closed) {
      this.#dropped += 1;
      return;
    }
    this.#logs.push(record);
    // Cut in steps: shifting one line at a time would move the whole list for every line.
    if (this.#logs.length > this.#logLines * 1.25) this.#logs = this.#logs.slice(-this.#logLines);
  }

  async ticks(worker: WorkerId, limit: number): Promise<readonly TickRecord[]> {
    this.#checkOpen();
    const told = this.#workers.get(worker);
    if (told === undefined) return [];
    const arrival = (record: TickRecord): number => told.order.get(record) ?? 0;
    return [...told.ok, ...told.kept].sort((a, b) => arrival(b) - arrival(a)).slice(0, limit);
  }

  async minutes(worker: WorkerId, limit: number): Promise<readonly MinuteRecord[]> {
    this.#checkOpen();
    const minutes = [...(this.#workers.get(worker)?.minutes.values() ?? [])];
    return minutes.sort((a, b) => b.at - a.at).slice(0, limit);
  }

  async logs({ worker, limit, minLevel }: LogQuery): Promise<readonly LogRecord[]> {
    this.#checkOpen();
    const level = LEVELS.indexOf(minLevel ?? 'debug');
    return this.#logs
      .filter((line) => (worker === undefined || line.worker === worker) && LEVELS.indexOf(line.level) >= level)
      .slice(limit === 0 ? Number.POSITIVE_INFINITY : -limit)
      .reverse();
  }

  async forget(worker: WorkerId): Promise<void> {
    this.#checkOpen();
    this.#workers.delete(worker);
    this.#logs = this.#logs.filter((line) => line.worker !== worker);
  }

  dropped(): number {
    return this.#dropped;
  }

  async flush(): Promise<void> {
    this.#checkOpen();
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #told(worker: WorkerId): Told {
    let told = this.#workers.get(worker);
    if (told === undefined) {
      told = { ok: [], kept: [], order: new Map(), minutes: new Map() };
      this.#workers.set(worker, told);
    }
    return told;
  }

  #checkOpen(): void {
    if (this.#closed) throw new RuntimeError('STORE_UNAVAILABLE', 'the record store cannot answer: it is closed');
  }
}

function addToMinute(minutes: Map<number, MinuteRecord>, record: TickRecord): void {
  const at = Math.floor(record.startedAt / 60_000) * 60_000;
  const before = minutes.get(at);
  const failed = record.outcome === 'ok' ? 0 : 1;
  minutes.set(at, {
    worker: record.worker,
    at,
    ticks: (before?.ticks ?? 0) + 1,
    failed: (before?.failed ?? 0) + failed,
    skipped: (before?.skipped ?? 0) + record.skipped,
    durationMsSum: (before?.durationMsSum ?? 0) + record.durationMs,
    durationMsMax: Math.max(before?.durationMsMax ?? 0, record.durationMs),
    cpuMsSum: (before?.cpuMsSum ?? 0) + record.cpuMs,
    latenessMsMax: Math.max(before?.latenessMsMax ?? 0, record.latenessMs),
  });
  if (minutes.size > MINUTES_PER_WORKER) {
    const [oldest] = minutes.keys();
    if (oldest !== undefined) minutes.delete(oldest);
  }
}
