/** The record file: ticks and logs of all workers. Runs in the record thread. */
import { renameSync, rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '../../core/errors.ts';
import { MiB } from '../../core/limits.ts';
import { DiskQuota } from './disk-quota.ts';
import { LOG_TABLES, LogTables, type LogTablesOptions } from './log-tables.ts';
import type { RecordAnswer, RecordCell, RecordQuestion } from './record-messages.ts';
import { isCorruption, openDatabase } from './sqlite.ts';
import { TICK_TABLES, TickTables, type TickTablesOptions } from './tick-tables.ts';
import { NAME_TABLES, WorkerNames } from './worker-names.ts';

export interface RecordDatabaseOptions extends TickTablesOptions, LogTablesOptions {
  readonly file: string;
  /** What the file and its write-ahead log may take together. */
  readonly diskBytes: number;
}

/** The write-ahead log is cut to this after a large transaction. */
const WAL_BYTES_MAX = 32 * MiB;
const PRUNE_EVERY_MS = 3_600_000;

export class RecordDatabase {
  readonly #database: DatabaseSync;
  readonly #names: WorkerNames;
  readonly #ticks: TickTables;
  readonly #logs: LogTables;
  readonly #quota: DiskQuota;
  #prunedAt = 0;
  /** What the operator should know about the opening, or null. */
  readonly note: string | null;

  constructor(options: RecordDatabaseOptions) {
    const { database, note } = openOrReplace(options);
    this.#database = database;
    this.note = note;
    this.#names = new WorkerNames(database);
    this.#ticks = new TickTables(database, this.#names, options);
    this.#logs = new LogTables(database, this.#names, options);
    this.#quota = new DiskQuota(database, {
      diskBytes: options.diskBytes,
      logs: this.#logs,
      onDeleted: () => this.#ticks.reload(),
    });
  }

  /** One transaction. Throws what the disk said; then nothing of it is written. */
  append(ticks: readonly RecordCell[], logs: readonly RecordCell[], nowMs: number): void {
    this.#quota.makeRoom();
    this.#transact(() => {
      this.#ticks.append(ticks);
      this.#logs.append(logs, nowMs);
      if (nowMs - this.#prunedAt >= PRUNE_EVERY_MS) {
        this.#prunedAt = nowMs;
        this.#ticks.prune(nowMs);
        this.#logs.prune(nowMs);
      }
    });
  }

  answer(question: RecordQuestion): RecordAnswer {
    switch (question.kind) {
      case 'ticks':
        return this.#ticks.ticks(question.worker, question.limit);
      case 'minutes':
        return this.#ticks.minutes(question.worker, question.limit);
      case 'logs':
        return this.#logs.logs(question.query);
      case 'forget':
        this.#forget(question.worker);
        return null;
      case 'flush':
        return null;
    }
  }

  close(): void {
    this.#database.close();
  }

  #forget(worker: string): void {
    const id = this.#names.find(worker);
    if (id === undefined) return;
    this.#transact(() => {
      this.#ticks.forget(id);
      this.#logs.forget(id);
      this.#names.forget(worker);
    });
  }

  #transact(write: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      write();
      this.#database.exec('COMMIT');
    } catch (thrown) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      this.#names.reload();
      this.#ticks.reload();
      this.#logs.reload();
      throw thrown;
    }
  }
}

/** Records are only told about: a damaged file is put aside, and never keeps a node from starting. */
function openOrReplace({ file, diskBytes }: RecordDatabaseOptions): { database: DatabaseSync; note: string | null } {
  const open = () =>
    openDatabase({
      file,
      synchronous: 'NORMAL',
      cacheBytes: 16 * MiB,
      walBytesMax: Math.min(WAL_BYTES_MAX, Math.ceil(diskBytes / 32)),
      mayShrink: true,
      migrations: [NAME_TABLES + TICK_TABLES + LOG_TABLES],
      remedy: '',
    });
  try {
    return { database: open(), note: null };
  } catch (thrown) {
    if (!(thrown instanceof RuntimeError) || !isCorruption(thrown.cause)) throw thrown;
    const aside = `${file}.damaged`;
    renameSync(file, aside);
    for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
    return { database: open(), note: `the tick and log records were damaged; they are put aside as ${aside}` };
  }
}
