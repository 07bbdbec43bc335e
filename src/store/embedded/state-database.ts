/**
 * The state file itself: one group of operations is one transaction. Runs in the state thread.
 *
 * What every commit must be checked against (epoch, revision, last commit id) is kept in memory: the data folder is
 * locked, so this is the only writer, and a commit costs two statements and no read. Whenever a transaction fails that
 * memory is forgotten, since only the file knows what it holds then. So it is where a commit does not find its row as it is
 * remembered: somebody changed the file all the same.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { MiB } from '../../core/limits.ts';
import { COMMITTED, decideCommit, decideReplacement } from '../commit-rule.ts';
import type { Claimed, CommitResult, StateChange, StoredWorker } from '../contracts.ts';
import type { Answer, Operation, OperationFailure } from './messages.ts';
import { isCorruption, isDiskError, openDatabase } from './sqlite.ts';

const MIGRATIONS = [
  `CREATE TABLE workers (
     id INTEGER PRIMARY KEY,
     worker TEXT NOT NULL UNIQUE,
     epoch INTEGER NOT NULL,
     revision INTEGER NOT NULL,
     commit_id TEXT,
     head TEXT
   ) STRICT;
   CREATE TABLE state (
     worker INTEGER NOT NULL,
     key TEXT NOT NULL,
     json TEXT NOT NULL,
     PRIMARY KEY (worker, key)
   ) STRICT, WITHOUT ROWID;
   -- The highest epoch of any removed worker: a namesake starts above it, so old owners stay fenced.
   CREATE TABLE removed (epoch INTEGER NOT NULL) STRICT;
   INSERT INTO removed VALUES (0);`,
  'ALTER TABLE workers ADD COLUMN checksum TEXT',
];

const REMEDY =
  'Restore it from a backup; or move it (with its -wal file) out of the folder to begin with empty state, and try `sqlite3 state.db .recover` on it.';

interface Known {
  readonly id: number;
  epoch: bigint;
  revision: bigint;
  commitId: string | null;
}

export class StateDatabase {
  readonly #database: DatabaseSync;
  readonly #known = new Map<string, Known>();
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  readonly #find: StatementSync;
  readonly #create: StatementSync;
  readonly #setEpoch: StatementSync;
  readonly #setHead: StatementSync;
  readonly #getHead: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #entries: StatementSync;
  readonly #list: StatementSync;

  /** Opens or creates the file; throws DATA_UNUSABLE. */
  constructor(file: string) {
    const database = openDatabase({
      file,
      synchronous: 'FULL',
      cacheBytes: 16 * MiB,
      migrations: MIGRATIONS,
      remedy: REMEDY,
    });
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      return statement;
    };
    this.#database = database;
    this.#begin = prepare('BEGIN IMMEDIATE');
    this.#end = prepare('COMMIT');
    this.#find = prepare('SELECT id, epoch, revision, commit_id FROM workers WHERE worker = ?');
    this.#create = prepare(
      'INSERT INTO workers (worker, epoch, revision) SELECT ?, coalesce(max(epoch), 0) + 1, 0 FROM removed RETURNING id, epoch',
    );
    this.#setEpoch = prepare('UPDATE workers SET epoch = ? WHERE id = ?');
    this.#setHead = prepare(
      'UPDATE workers SET revision = ?, commit_id = ?, head = ?, checksum = ? WHERE id = ? AND revision = ? AND epoch = ?',
    );
    this.#getHead = prepare('SELECT head, checksum FROM workers WHERE id = ?');
    this.#put = prepare('INSERT OR REPLACE INTO state (worker, key, json) VALUES (?, ?, ?)');
    this.#delete = prepare('DELETE FROM state WHERE worker = ? AND key = ?');
    this.#entries = prepare('SELECT key, json FROM state WHERE worker = ? ORDER BY key');
    this.#entries.setReturnArrays(true);
    this.#list = prepare('SELECT worker, epoch, revision, head FROM workers ORDER BY worker');
  }

  /**
   * Executes a group in one transaction; when it returns the group is on the disk. Throws what the disk said: then the
   * outcome is unknown. A refused commit hurts nobody; an operation that fails by itself is found by running the group
   * again one by one.
   */
  execute(operations: readonly Operation[]): Answer[] {
    try {
      return this.#transact(operations);
    } catch (thrown) {
      if (isDiskError(thrown)) throw thrown;
      if (operations.length === 1) return [failure(thrown)];
      return operations.flatMap((operation) => this.execute([operation]));
    }
  }

  close(): void {
    this.#database.close();
  }

  #transact(operations: readonly Operation[]): Answer[] {
    this.#begin.run();
    try {
      const answers: Answer[] = [];
      for (const operation of operations) answers.push(this.#apply(operation));
      this.#end.run();
      return answers;
    } catch (thrown) {
      this.#known.clear();
      // Some errors have rolled back already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw thrown;
    }
  }

  #apply(operation: Operation): Answer {
    switch (operation.kind) {
      case 'commit':
        return this.#commit(operation);
      case 'replace':
        return this.#replace(operation);
      case 'claim':
        return this.#claim(operation.worker);
      case 'read': {
        // Rare, and whoever reads wants to know what the file holds, not what it should hold.
        this.#known.delete(operation.worker);
        const known = this.#lookUp(operation.worker);
        return known === undefined ? null : this.#load(known);
      }
      case 'remove':
        return this.#remove(operation.worker, operation.epoch);
      case 'list':
        return this.#list.all() as unknown as StoredWorker[];
    }
  }

  #commit(commit: Extract<Operation, { kind: 'commit' }>): CommitResult {
    const known = this.#lookUp(commit.worker);
    const decision = decideCommit(known, commit);
    if (decision.kind !== 'apply') return decision;
    if (known === undefined) throw new Error('a worker that is not there was to be written');
    const { base, epoch, commitId, head, checksum = null } = commit;
    const { changes } = this.#setHead.run(base + 1n, commitId, head, checksum, known.id, base, epoch);
    if (Number(changes) === 0) {
      this.#known.delete(commit.worker);
      const found = decideCommit(this.#lookUp(commit.worker), commit);
      if (found.kind === 'apply') throw new Error('a row that is there could not be written');
      return found;
    }
    known.revision = base + 1n;
    known.commitId = commitId;
    this.#write(known.id, commit.changes);
    return COMMITTED;
  }

  /** Rare, so it prepares its statements when it needs them, and asks the file instead of the memory of it. */
  #replace(replacement: Extract<Operation, { kind: 'replace' }>): CommitResult {
    const { worker, epoch, revision, commitId, head, checksum = null, entries } = replacement;
    const run = (sql: string, ...values: (string | number | bigint | null)[]): void => {
      this.#database.prepare(sql).run(...values);
    };
    this.#known.delete(worker);
    const stored = this.#lookUp(worker);
    const decision = decideReplacement(stored, this.#removedEpoch(), replacement);
    if (decision.kind !== 'apply') return decision;
    if (stored === undefined) run('INSERT INTO workers (worker, epoch, revision) VALUES (?, ?, 0)', worker, epoch);
    const { id } = stored ?? (this.#find.get(worker) as { id: bigint });
    const set = 'UPDATE workers SET epoch = ?, revision = ?, commit_id = ?, head = ?, checksum = ? WHERE id = ?';
    run(set, epoch, revision, commitId, head, checksum, id);
    run('DELETE FROM state WHERE worker = ?', id);
    for (const [key, json] of entries) this.#put.run(id, key, json);
    this.#known.set(worker, { id: Number(id), epoch, revision, commitId });
    return COMMITTED;
  }

  #removedEpoch(): bigint {
    const statement = this.#database.prepare('SELECT coalesce(max(epoch), 0) AS epoch FROM removed');
    statement.setReadBigInts(true);
    return (statement.get() as { epoch: bigint }).epoch;
  }

  #write(id: number, changes: readonly StateChange[]): void {
    for (const { key, json } of changes) {
      if (json === null) this.#delete.run(id, key);
      else this.#put.run(id, key, json);
    }
  }

  #claim(worker: string): Claimed {
    this.#known.delete(worker);
    const known = this.#lookUp(worker);
    if (known === undefined) {
      const row = this.#create.get(worker) as { id: bigint; epoch: bigint };
      const created: Known = { id: Number(row.id), epoch: row.epoch, revision: 0n, commitId: null };
      this.#known.set(worker, created);
      return { epoch: created.epoch, revision: 0n, head: null, entries: [] };
    }
    known.epoch += 1n;
    this.#setEpoch.run(known.epoch, known.id);
    return this.#load(known);
  }

  #remove(worker: string, epoch: bigint): CommitResult {
    const known = this.#lookUp(worker);
    if (known === undefined) return COMMITTED;
    if (known.epoch !== epoch) return { kind: 'fenced', epoch: known.epoch };
    this.#database.prepare('DELETE FROM state WHERE worker = ?').run(known.id);
    this.#database.prepare('DELETE FROM workers WHERE id = ?').run(known.id);
    // Also where somebody emptied that table.
    const before = this.#removedEpoch();
    this.#database.prepare('DELETE FROM removed').run();
    this.#database.prepare('INSERT INTO removed VALUES (max(?, ?))').run(before, known.epoch);
    this.#known.delete(worker);
    return COMMITTED;
  }

  #load(known: Known): Claimed {
    const { head, checksum } = this.#getHead.get(known.id) as { head: string | null; checksum: string | null };
    const entries = this.#entries.all(known.id) as unknown as [string, string][];
    return { epoch: known.epoch, revision: known.revision, head, entries, ...(checksum === null ? {} : { checksum }) };
  }

  #lookUp(worker: string): Known | undefined {
    const known = this.#known.get(worker);
    if (known !== undefined) return known;
    const row = this.#find.get(worker);
    if (row === undefined) return undefined;
    const { id, epoch, revision, commit_id } = row as {
      id: bigint;
      epoch: bigint;
      revision: bigint;
      commit_id: string | null;
    };
    const found: Known = { id: Number(id), epoch, revision, commitId: commit_id };
    this.#known.set(worker, found);
    return found;
  }
}

function failure(thrown: unknown): OperationFailure {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { kind: 'error', code: isCorruption(thrown) ? 'STATE_CORRUPT' : 'INTERNAL', message };
}
