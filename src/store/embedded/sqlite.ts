/** Opening a SQLite file for a store: settings, schema version, and clear words for a file that cannot be used. */
import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '../../core/errors.ts';
import { MiB } from '../../core/limits.ts';

export interface FileSettings {
  readonly file: string;
  /** FULL: a commit is on the disk when it returns. NORMAL: the last moments before a power cut may be lost. */
  readonly synchronous: 'FULL' | 'NORMAL';
  readonly cacheBytes: number;
  /** At this size (at most 4 MiB) the write-ahead log is copied into the file, and to it a longer one is cut. Default 64 MiB. */
  readonly walBytesMax?: number;
  /** A new file is made so that it can be cut when there is less in it. */
  readonly mayShrink?: boolean;
  /** Step n brings a file from version n to n + 1. Steps that were released never change. */
  readonly migrations: readonly string[];
  /** What the operator can do when the file is damaged. */
  readonly remedy: string;
}

/** Primary result codes that speak of the disk or of the moment, not of the statement. */
const DISK_CODES: ReadonlySet<number> = new Set([5, 6, 7, 8, 9, 10, 13, 14, 15]);
const CORRUPT = 11;
const PAGE_BYTES = 4_096;
const NOT_A_DATABASE = 26;

/** Reading every page of a larger file would delay the start noticeably; damage there shows when the page is read. */
const CHECK_BYTES_MAX = 64 * MiB;

/** The primary SQLite result code of anything thrown; 0 where it has none. */
export function sqliteCode(thrown: unknown): number {
  if (!(thrown instanceof Error) || !('errcode' in thrown) || typeof thrown.errcode !== 'number') return 0;
  return thrown.errcode & 0xff;
}

export function isDiskError(thrown: unknown): boolean {
  return DISK_CODES.has(sqliteCode(thrown));
}

export function isCorruption(thrown: unknown): boolean {
  const code = sqliteCode(thrown);
  return code === CORRUPT || code === NOT_A_DATABASE;
}

/** Opens or creates the file and brings it to the current version. Throws DATA_UNUSABLE. */
export function openDatabase(settings: FileSettings): DatabaseSync {
  const { file } = settings;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    const walBytesMax = settings.walBytesMax ?? 64 * MiB;
    // Of a new file this has to come first; on one that is there it does nothing.
    if (settings.mayShrink === true) database.exec('PRAGMA auto_vacuum = INCREMENTAL');
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${settings.synchronous};
      PRAGMA busy_timeout = 2000;
      PRAGMA temp_store = MEMORY;
      PRAGMA journal_size_limit = ${walBytesMax};
      PRAGMA wal_autocheckpoint = ${Math.ceil(Math.min(walBytesMax, 4 * MiB) / PAGE_BYTES)};
      PRAGMA cache_size = -${Math.ceil(settings.cacheBytes / 1024)};
    `);
    checkIntegrity(database, file);
    migrate(database, settings);
    return database;
  } catch (thrown) {
    database?.close();
    throw explain(thrown, settings);
  }
}

function checkIntegrity(database: DatabaseSync, file: string): void {
  if (statSync(file).size > CHECK_BYTES_MAX) return;
  const row = database.prepare('PRAGMA quick_check(1)').get();
  if (row?.quick_check !== 'ok') throw Object.assign(new Error(String(row?.quick_check)), { errcode: CORRUPT });
}

function migrate(database: DatabaseSync, { file, migrations }: FileSettings): void {
  const found = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  if (found > migrations.length) {
    throw new RuntimeError(
      'DATA_UNUSABLE',
      `${file} has schema version ${found}, this release knows ${migrations.length}: it was written by a newer release. Start that one, or restore the copy that was made before the upgrade.`,
    );
  }
  for (let version = found; version < migrations.length; version++) {
    // One transaction per step, version included: a kill in the middle leaves the file at a whole version.
    database.exec(`BEGIN IMMEDIATE; ${migrations[version]}; PRAGMA user_version = ${version + 1}; COMMIT;`);
  }
}

function explain(thrown: unknown, { file, remedy }: FileSettings): RuntimeError {
  if (thrown instanceof RuntimeError) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const message = isCorruption(thrown)
    ? `${file} is damaged (${reason}). ${remedy}`
    : `${file} cannot be opened (${reason}). Check that the folder ${dirname(file)} can be written and has space.`;
  return new RuntimeError('DATA_UNUSABLE', message, { cause: thrown, details: { file: basename(file) } });
}
