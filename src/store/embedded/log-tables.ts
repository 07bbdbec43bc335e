/**
 * Log lines on disk, in order of arrival, cut into chunks. A chunk row says which workers and levels its lines have, so a
 * question about one worker skips the chunks without it and no index has to be kept per line; and it is what retention
 * deletes: whole chunks, the oldest first, by one range of ids.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { MiB } from '../../core/limits.ts';
import type { LogQuery, LogRecord } from '../contracts.ts';
import { LEVELS, LOG_CELLS, type RecordCell } from './record-messages.ts';
import type { WorkerNames } from './worker-names.ts';

export const LOG_TABLES = `
  CREATE TABLE logs (id INTEGER PRIMARY KEY, worker INTEGER NOT NULL, at REAL NOT NULL, level INTEGER NOT NULL,
    tick INTEGER NOT NULL, text TEXT NOT NULL, fields TEXT) STRICT;
  CREATE TABLE log_chunks (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, bytes INTEGER NOT NULL,
    newest_at REAL NOT NULL, level_max INTEGER NOT NULL, workers TEXT NOT NULL) STRICT;`;

const CHUNK_BYTES_MAX = 1 * MiB;
/** What a line costs besides its text. */
const LINE_BYTES = 32;
const DAY_MS = 86_400_000;

export interface LogTablesOptions {
  readonly logBytes: number;
  readonly logDays: number;
  /** Of all records: a chunk is the smallest part of the log that can be deleted. */
  readonly diskBytes: number;
}

/** Lines that no chunk row covers yet. */
interface OpenChunk {
  readonly first: number;
  bytes: number;
  newestAt: number;
  levelMax: number;
  readonly workers: Set<number>;
}

export class LogTables {
  readonly #database: DatabaseSync;
  readonly #names: WorkerNames;
  readonly #options: LogTablesOptions;
  readonly #chunkBytes: number;
  readonly #insert: StatementSync;
  #open: OpenChunk = emptyChunk(1);
  #nextId = 1;
  #sealedBytes = 0;

  constructor(database: DatabaseSync, names: WorkerNames, options: LogTablesOptions) {
    this.#database = database;
    this.#names = names;
    this.#options = options;
    this.#chunkBytes = Math.min(CHUNK_BYTES_MAX, Math.ceil(options.logBytes / 16), Math.ceil(options.diskBytes / 64));
    this.#insert = database.prepare(
      'INSERT INTO logs (id, worker, at, level, tick, text, fields) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.reload();
  }

  /** Reads from the file what is kept in memory about it. */
  reload(): void {
    const sealed = this.#database
      .prepare('SELECT ifnull(max(last), 0) AS last, ifnull(sum(bytes), 0) AS bytes FROM log_chunks')
      .get();
    this.#sealedBytes = Number(sealed?.bytes);
    const first = Number(sealed?.last) + 1;
    this.#open = emptyChunk(first);
    this.#nextId = first;
    for (const row of this.#database.prepare('SELECT * FROM logs WHERE id >= ? ORDER BY id').iterate(first)) {
      this.#nextId = Number(row.id) + 1;
      const fields = row.fields === null ? null : String(row.fields);
      this.#note(Number(row.worker), Number(row.at), Number(row.level), String(row.text), fields);
    }
  }

  /** Within the caller's transaction. */
  append(cells: readonly RecordCell[], nowMs: number): void {
    for (let index = 0; index < cells.length; index += LOG_CELLS) {
      const worker = this.#names.idOf(String(cells[index]));
      const [at, level, tick] = [Number(cells[index + 1]), Number(cells[index + 2]), Number(cells[index + 3])];
      const text = String(cells[index + 4]);
      const fields = cells[index + 5] as string | null;
      this.#insert.run(this.#nextId++, worker, at, level, tick, text, fields);
      this.#note(worker, at, level, text, fields);
      if (this.#open.bytes >= this.#chunkBytes) {
        this.#seal();
        this.prune(nowMs);
      }
    }
  }

  logs(query: LogQuery): LogRecord[] {
    const level = LEVELS.indexOf(query.minLevel ?? 'debug');
    if (query.worker === undefined) {
      return this.#database
        .prepare('SELECT * FROM logs WHERE level >= ? ORDER BY id DESC LIMIT ?')
        .all(level, query.limit)
        .map((row) => this.#toRecord(row));
    }
    const worker = this.#names.find(query.worker);
    const found: LogRecord[] = [];
    if (worker === undefined) return found;
    const lines = this.#database.prepare(`SELECT * FROM logs WHERE id BETWEEN ? AND ? AND worker = ? AND level >= ?
      ORDER BY id DESC LIMIT ?`);
    for (const { first, last } of this.#rangesWith(worker, level)) {
      if (found.length >= query.limit) break;
      const rows = lines.all(first, last, worker, level, query.limit - found.length);
      for (const row of rows) found.push(this.#toRecord(row));
    }
    return found;
  }

  forget(worker: number): void {
    const lines = this.#database.prepare('DELETE FROM logs WHERE id BETWEEN ? AND ? AND worker = ?');
    for (const { first, last } of [...this.#rangesWith(worker, 0)]) lines.run(first, last, worker);
  }

  /** Deletes whole chunks until size and age are within their limits. */
  prune(nowMs: number): void {
    while (this.#sealedBytes + this.#open.bytes > this.#options.logBytes)
      if (!this.#dropOldest(Number.POSITIVE_INFINITY)) break;
    while (this.#dropOldest(nowMs - this.#options.logDays * DAY_MS));
  }

  span(): { readonly oldest: number; readonly newest: number } | null {
    const row = this.#database
      .prepare('SELECT min(newest_at) AS oldest, max(newest_at) AS newest FROM log_chunks')
      .get();
    return row?.oldest == null ? null : { oldest: Number(row.oldest), newest: Number(row.newest) };
  }

  bytesBefore(at: number): number {
    const row = this.#database.prepare('SELECT sum(bytes) AS bytes FROM log_chunks WHERE newest_at < ?').get(at);
    return Number(row?.bytes ?? 0);
  }

  /** A transaction of its own. */
  dropBefore(at: number): boolean {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const dropped = this.#dropOldest(at);
      this.#database.exec('COMMIT');
      return dropped;
    } catch (thrown) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      this.reload();
      throw thrown;
    }
  }

  /** Deletes the oldest chunk when all of it is older than `at`. */
  #dropOldest(at: number): boolean {
    const row = this.#database.prepare('SELECT * FROM log_chunks ORDER BY first LIMIT 1').get();
    if (row === undefined || Number(row.newest_at) >= at) return false;
    this.#database.prepare('DELETE FROM logs WHERE id <= ?').run(Number(row.last));
    this.#database.prepare('DELETE FROM log_chunks WHERE first = ?').run(Number(row.first));
    this.#sealedBytes -= Number(row.bytes);
    return true;
  }

  #note(worker: number, at: number, level: number, text: string, fields: string | null): void {
    const open = this.#open;
    open.bytes += LINE_BYTES + Buffer.byteLength(text) + (fields === null ? 0 : Buffer.byteLength(fields));
    open.newestAt = Math.max(open.newestAt, at);
    open.levelMax = Math.max(open.levelMax, level);
    open.workers.add(worker);
  }

  #seal(): void {
    const { first, bytes, newestAt, levelMax, workers } = this.#open;
    this.#database
      .prepare('INSERT INTO log_chunks (first, last, bytes, newest_at, level_max, workers) VALUES (?, ?, ?, ?, ?, ?)')
      .run(first, this.#nextId - 1, bytes, newestAt, levelMax, `,${[...workers].join(',')},`);
    this.#sealedBytes += bytes;
    this.#open = emptyChunk(this.#nextId);
  }

  /** Newest first. */
  *#rangesWith(worker: number, level: number): Generator<{ first: number; last: number }> {
    if (this.#open.workers.has(worker)) yield { first: this.#open.first, last: this.#nextId - 1 };
    const chunks = this.#database.prepare(`SELECT first, last FROM log_chunks
      WHERE level_max >= ? AND instr(workers, ?) > 0 ORDER BY first DESC`);
    for (const row of chunks.iterate(level, `,${worker},`)) {
      yield { first: Number(row.first), last: Number(row.last) };
    }
  }

  #toRecord(row: Record<string, unknown>): LogRecord {
    return {
      worker: this.#names.nameOf(Number(row.worker)),
      at: Number(row.at),
      level: LEVELS[Number(row.level)] ?? 'info',
      text: String(row.text),
      fields: row.fields as string | null,
      tick: Number(row.tick),
    };
  }
}

function emptyChunk(first: number): OpenChunk {
  return { first, bytes: 0, newestAt: 0, levelMax: 0, workers: new Set() };
}
