/**
 * One node per data folder. The lock is an exclusive transaction that stays open on a SQLite file of its own: the
 * kernel gives it back at the moment the process ends, however it ends, so a lock is never stale and nothing has to be
 * guessed. `owner.json` beside it only tells people who holds it.
 *
 * The lock belongs to the file's descriptors: nothing else in this process may open `lock.db`.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '../../core/errors.ts';
import { isCorruption, sqliteCode } from './sqlite.ts';

const BUSY = 5;

export interface DataLock {
  release(): void;
}

/** Throws DATA_LOCKED, naming who holds the folder, or DATA_UNUSABLE. */
export function lockFolder(dataDir: string): DataLock {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(dataDir, 'lock.db'), { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
  } catch (thrown) {
    database?.close();
    if (sqliteCode(thrown) === BUSY) throw locked(dataDir);
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const remedy = isCorruption(thrown)
      ? 'Its lock.db is damaged. There is nothing in it: delete it while nothing uses the folder, and start again.'
      : 'Check that this user may write to it.';
    throw new RuntimeError('DATA_UNUSABLE', `the data folder ${dataDir} cannot be locked (${reason}). ${remedy}`, {
      cause: thrown,
    });
  }
  const held = database;
  writeOwner(dataDir);
  return { release: () => held.close() };
}

/** Renamed into place, so that a reader never sees half of it. */
function writeOwner(dataDir: string): void {
  const file = join(dataDir, 'owner.json');
  const startedAt = new Date(Date.now() - performance.now()).toISOString();
  writeFileSync(`${file}.new`, `${JSON.stringify({ pid: process.pid, startedAt })}\n`);
  renameSync(`${file}.new`, file);
}

function locked(dataDir: string): RuntimeError {
  const owner = readOwner(dataDir);
  const who = owner === null ? 'Another process' : `Process ${owner.pid}, started at ${owner.startedAt},`;
  return new RuntimeError(
    'DATA_LOCKED',
    `${who} is using the data folder ${dataDir}. Stop it first, or start this one with another folder.`,
    owner === null ? {} : { details: { ...owner } },
  );
}

function readOwner(dataDir: string): { pid: number; startedAt: string } | null {
  try {
    const value: unknown = JSON.parse(readFileSync(join(dataDir, 'owner.json'), 'utf8'));
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value)) return null;
    return { pid: Number(value.pid), startedAt: String(value.startedAt) };
  } catch {
    return null;
  }
}
