/**
 * Ticks on disk. Appending a tick straight into its worker's own place would write one page of 4 KiB per tick. So
 * ticks are appended to `recent`, all workers together, and every `foldRows` of them are folded at once: into the ring of
 * each worker (ok ticks; slot = tick number modulo its size), into `kept` (everything else, and setups) and into
 * sums per minute. What is read is always the three together. Folding is one transaction, so a kill loses nothing of it.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { MinuteRecord, TickRecord } from '../contracts.ts';
import { FUNCTIONS, OUTCOMES, type RecordCell, TICK_CELLS } from './record-messages.ts';
import type { WorkerNames } from './worker-names.ts';

const COLUMNS = `seq, worker, tick, fn, outcome, due_at, started_at, duration_ms, cpu_ms, lateness_ms, skipped,
  error_code, error_message`;

const COLUMN_TYPES = `worker INTEGER NOT NULL, tick INTEGER NOT NULL, fn INTEGER NOT NULL, outcome INTEGER NOT NULL,
  due_at REAL NOT NULL, started_at REAL NOT NULL, duration_ms REAL NOT NULL, cpu_ms REAL NOT NULL,
  lateness_ms REAL NOT NULL, skipped INTEGER NOT NULL, error_code TEXT, error_message TEXT`;

export const TICK_TABLES = `
  CREATE TABLE recent (seq INTEGER PRIMARY KEY, ${COLUMN_TYPES}) STRICT;
  CREATE TABLE ring (slot INTEGER NOT NULL, seq INTEGER NOT NULL, ${COLUMN_TYPES},
    PRIMARY KEY (worker, slot)) STRICT, WITHOUT ROWID;
  CREATE TABLE kept (seq INTEGER NOT NULL, ${COLUMN_TYPES}, PRIMARY KEY (worker, seq)) STRICT, WITHOUT ROWID;
  CREATE TABLE minutes (worker INTEGER NOT NULL, at INTEGER NOT NULL, ticks INTEGER NOT NULL, failed INTEGER NOT NULL,
    skipped INTEGER NOT NULL, duration_ms_sum REAL NOT NULL, duration_ms_max REAL NOT NULL, cpu_ms_sum REAL NOT NULL,
    lateness_ms_max REAL NOT NULL, PRIMARY KEY (worker, at)) STRICT, WITHOUT ROWID;
  -- The next arrival number, as of the last fold; and the ring's size, whose change moves slots.
  CREATE TABLE tick_counters (next_seq INTEGER NOT NULL, ring_size INTEGER NOT NULL) STRICT;
  INSERT INTO tick_counters VALUES (1, 0);`;

const PER_MINUTE = `SELECT worker, CAST(started_at / 60000 AS INTEGER) * 60000 AS at, count(*) AS ticks,
  sum(outcome <> 0) AS failed, sum(skipped) AS skipped, sum(duration_ms) AS duration_ms_sum,
  max(duration_ms) AS duration_ms_max, sum(cpu_ms) AS cpu_ms_sum, max(lateness_ms) AS lateness_ms_max FROM recent`;

const DAY_MS = 86_400_000;
const MINUTES_DAYS = 30;

export interface TickTablesOptions {
  readonly ticksPerWorker: number;
  readonly failedTickDays: number;
  /** Most ticks that were not ok, and setups, of one worker. */
  readonly keptPerWorker: number;
  readonly foldRows: number;
}

export class TickTables {
  readonly #database: DatabaseSync;
  readonly #names: WorkerNames;
  readonly #options: TickTablesOptions;
  readonly #insert: StatementSync;
  readonly #read: StatementSync;
  readonly #readMinutes: StatementSync;
  #nextSeq = 1;
  #recentRows = 0;

  constructor(database: DatabaseSync, names: WorkerNames, options: TickTablesOptions) {
    this.#database = database;
    this.#names = names;
    this.#options = options;
    this.#insert = database.prepare(`INSERT INTO recent (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#read = database.prepare(`
      SELECT ${COLUMNS} FROM recent WHERE worker = ?1
      UNION ALL SELECT ${COLUMNS} FROM ring WHERE worker = ?1
      UNION ALL SELECT ${COLUMNS} FROM kept WHERE worker = ?1 ORDER BY seq DESC LIMIT ?2`);
    this.#readMinutes = database.prepare(`
      SELECT at, sum(ticks) AS ticks, sum(failed) AS failed, sum(skipped) AS skipped,
        sum(duration_ms_sum) AS duration_ms_sum, max(duration_ms_max) AS duration_ms_max, sum(cpu_ms_sum) AS cpu_ms_sum,
        max(lateness_ms_max) AS lateness_ms_max
      FROM (SELECT * FROM minutes WHERE worker = ?1 UNION ALL ${PER_MINUTE} WHERE worker = ?1 AND fn = 1 GROUP BY at)
      GROUP BY at ORDER BY at DESC LIMIT ?2`);
    const ring = database.prepare('SELECT ring_size FROM tick_counters').get();
    if (Number(ring?.ring_size) !== options.ticksPerWorker) {
      database.prepare('DELETE FROM ring WHERE slot >= ?').run(options.ticksPerWorker);
      database.prepare('UPDATE tick_counters SET ring_size = ?').run(options.ticksPerWorker);
    }
    this.reload();
  }

  /** Reads the counters from the file, which alone knows them after a failed transaction. */
  reload(): void {
    const row = this.#database
      .prepare(`SELECT max(next_seq, (SELECT ifnull(max(seq), 0) + 1 FROM recent)) AS next FROM tick_counters`)
      .get();
    this.#nextSeq = Number(row?.next);
    this.#recentRows = Number(this.#database.prepare('SELECT count(*) AS n FROM recent').get()?.n);
  }

  /** Within the caller's transaction. */
  append(cells: readonly RecordCell[]): void {
    for (let at = 0; at < cells.length; at += TICK_CELLS) {
      const [worker, ...rest] = cells.slice(at, at + TICK_CELLS);
      this.#insert.run(this.#nextSeq++, this.#names.idOf(String(worker)), ...rest);
      this.#recentRows += 1;
    }
    if (this.#recentRows >= this.#options.foldRows) this.#fold();
  }

  ticks(worker: string, limit: number): TickRecord[] {
    const id = this.#names.find(worker);
    return id === undefined ? [] : this.#read.all(id, limit).map((row) => toTick(worker, row));
  }

  minutes(worker: string, limit: number): MinuteRecord[] {
    const id = this.#names.find(worker);
    return id === undefined ? [] : this.#readMinutes.all(id, limit).map((row) => toMinute(worker, row));
  }

  forget(id: number): void {
    for (const table of ['recent', 'ring', 'kept', 'minutes']) {
      this.#database.prepare(`DELETE FROM ${table} WHERE worker = ?`).run(id);
    }
    this.#recentRows = Number(this.#database.prepare('SELECT count(*) AS n FROM recent').get()?.n);
  }

  /** Deletes what is too old, of all workers. Looks at every kept row: not for every fold. */
  prune(nowMs: number): void {
    this.#database.prepare('DELETE FROM kept WHERE started_at < ?').run(nowMs - this.#options.failedTickDays * DAY_MS);
    this.#database.prepare('DELETE FROM minutes WHERE at < ?').run(nowMs - MINUTES_DAYS * DAY_MS);
  }

  #fold(): void {
    const database = this.#database;
    const crowded = database.prepare('SELECT DISTINCT worker FROM recent WHERE fn = 0 OR outcome <> 0').all();
    database
      .prepare(`INSERT OR REPLACE INTO ring (slot, ${COLUMNS})
        SELECT tick % ?, ${COLUMNS} FROM recent WHERE fn = 1 AND outcome = 0 ORDER BY worker, seq`)
      .run(this.#options.ticksPerWorker);
    database.exec(`
      INSERT INTO kept (${COLUMNS}) SELECT ${COLUMNS} FROM recent WHERE fn = 0 OR outcome <> 0 ORDER BY worker, seq;
      INSERT INTO minutes ${PER_MINUTE} WHERE fn = 1 GROUP BY worker, at
        ON CONFLICT (worker, at) DO UPDATE SET ticks = ticks + excluded.ticks, failed = failed + excluded.failed,
          skipped = skipped + excluded.skipped, duration_ms_sum = duration_ms_sum + excluded.duration_ms_sum,
          duration_ms_max = max(duration_ms_max, excluded.duration_ms_max),
          cpu_ms_sum = cpu_ms_sum + excluded.cpu_ms_sum,
          lateness_ms_max = max(lateness_ms_max, excluded.lateness_ms_max);
      DELETE FROM recent;`);
    const cut = database.prepare(`DELETE FROM kept WHERE worker = ?1 AND seq <=
      (SELECT seq FROM kept WHERE worker = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)`);
    for (const { worker } of crowded) cut.run(Number(worker), this.#options.keptPerWorker);
    database.prepare('UPDATE tick_counters SET next_seq = ?').run(this.#nextSeq);
    this.#recentRows = 0;
  }
}

type Row = Record<string, unknown>;

function toTick(worker: string, row: Row): TickRecord {
  return {
    worker,
    tick: Number(row.tick),
    fn: FUNCTIONS[Number(row.fn)] ?? 'tick',
    outcome: OUTCOMES[Number(row.outcome)] ?? 'error',
    dueAt: Number(row.due_at),
    startedAt: Number(row.started_at),
    durationMs: Number(row.duration_ms),
    cpuMs: Number(row.cpu_ms),
    latenessMs: Number(row.lateness_ms),
    skipped: Number(row.skipped),
    errorCode: row.error_code as string | null,
    errorMessage: row.error_message as string | null,
  };
}

function toMinute(worker: string, row: Row): MinuteRecord {
  return {
    worker,
    at: Number(row.at),
    ticks: Number(row.ticks),
    failed: Number(row.failed),
    skipped: Number(row.skipped),
    durationMsSum: Number(row.duration_ms_sum),
    durationMsMax: Number(row.duration_ms_max),
    cpuMsSum: Number(row.cpu_ms_sum),
    latenessMsMax: Number(row.lateness_ms_max),
  };
}
