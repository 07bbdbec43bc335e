/**
 * The record file has a size: when ticks, minutes and logs together come near it, the oldest of them go, whatever they are.
 * Deleted pages are used again, so the file stops growing; it is cut only where it is too large already, such as after the
 * setting was lowered. A quarter is left for the write-ahead log, which grows by every page that one transaction changes.
 *
 * Looking at and deleting from a gigabyte takes seconds. So it is done in steps, some before each batch of records, and
 * only a file that leaves no more room makes a batch wait for all of them.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** A table of ticks or minutes, its time, and about what a row takes on disk. */
interface Aged {
  readonly table: 'minutes' | 'kept' | 'ring' | 'recent';
  readonly time: 'at' | 'started_at';
  readonly rowBytes: string;
}

const AGED: readonly Aged[] = [
  { table: 'minutes', time: 'at', rowBytes: '70' },
  { table: 'kept', time: 'started_at', rowBytes: '110 + ifnull(length(error_message), 0)' },
  { table: 'ring', time: 'started_at', rowBytes: '110' },
  { table: 'recent', time: 'started_at', rowBytes: '110 + ifnull(length(error_message), 0)' },
];

/** Where the time from the oldest to the newest record may be cut. Finer cuts take rows but free hardly a page. */
const CUTS = [1 / 8, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 1];
/** So many workers are looked at, or deleted from, in one step. */
const WORKERS_PER_STEP = 16;
const STEPS_MS = 50;
const VACUUM_PAGES = 1_000;
const FILE_SHARE = 3 / 4;
/** A fold is the largest transaction: a tick that is folded changes a page of its worker's ring and one of its minutes. */
const FOLD_SHARE = 1 / 8;
const PAGES_PER_FOLDED_ROW = 2;
const FOLD_ROWS_MAX = 50_000;
const PAGE_BYTES = 4_096;

/** Ticks that may be folded at once. */
export function foldRowsWithin(diskBytes: number): number {
  return Math.min(FOLD_ROWS_MAX, Math.ceil((diskBytes * FOLD_SHARE) / (PAGES_PER_FOLDED_ROW * PAGE_BYTES)));
}

export interface LogChunks {
  /** Times of the oldest and the newest chunk; null without one. */
  span(): { readonly oldest: number; readonly newest: number } | null;
  bytesBefore(at: number): number;
  /** Deletes the oldest chunk where it is that old. */
  dropBefore(at: number): boolean;
}

export interface DiskQuotaOptions {
  readonly diskBytes: number;
  readonly logs: LogChunks;
  /** Rows of ticks were deleted. */
  readonly onDeleted: () => void;
}

export class DiskQuota {
  readonly #database: DatabaseSync;
  readonly #options: DiskQuotaOptions;
  readonly #pageBytes: number;
  readonly #pageCount: StatementSync;
  readonly #freeCount: StatementSync;
  #work: Generator<void> | null = null;

  constructor(database: DatabaseSync, options: DiskQuotaOptions) {
    this.#database = database;
    this.#options = options;
    this.#pageBytes = Number(database.prepare('PRAGMA page_size').get()?.page_size);
    this.#pageCount = database.prepare('PRAGMA page_count');
    this.#freeCount = database.prepare('PRAGMA freelist_count');
  }

  /** What the file itself may have; the rest of the quota is for its write-ahead log. */
  get #fileBytes(): number {
    return this.#options.diskBytes * FILE_SHARE;
  }

  get #usedBytes(): number {
    const free = Number(this.#freeCount.get()?.freelist_count);
    return (Number(this.#pageCount.get()?.page_count) - free) * this.#pageBytes;
  }

  /** Before each batch, outside of a transaction. Throws what the disk said. */
  makeRoom(): void {
    const used = this.#usedBytes;
    if (this.#work === null) {
      if (used <= (this.#fileBytes * 15) / 16 && !this.#isTooLong()) return;
      this.#work = this.#shrink();
    }
    const until = performance.now() + STEPS_MS;
    try {
      do {
        if (this.#work.next().done === true) {
          this.#work = null;
          return;
        }
      } while (performance.now() < until || this.#usedBytes > this.#fileBytes);
    } catch (thrown) {
      this.#work = null;
      throw thrown;
    }
  }

  /** Every step is a transaction of its own, so the write-ahead log stays short. */
  *#shrink(): Generator<void> {
    const enough = (this.#fileBytes * 3) / 4;
    while (this.#usedBytes > enough) {
      const span = yield* this.#span();
      if (span === null) break;
      const times = CUTS.map((share) => span.oldest + (span.newest - span.oldest) * share + 1);
      const before = yield* this.#bytesBefore(times);
      yield* this.#deleteBefore(decideCut(times, before, this.#usedBytes - enough));
    }
    yield* this.#cutFile();
  }

  *#span(): Generator<void, { oldest: number; newest: number } | null> {
    let [oldest, newest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const note = (from: unknown, to: unknown): void => {
      if (typeof from === 'number') oldest = Math.min(oldest, from);
      if (typeof to === 'number') newest = Math.max(newest, to);
    };
    for (const { table, time } of AGED) {
      const find = this.#prepare(`SELECT min(${time}) AS oldest, max(${time}) AS newest FROM ${table}`, table);
      for (const range of this.#ranges(table)) {
        const row = find.get(...range);
        note(row?.oldest, row?.newest);
        yield;
      }
    }
    const logs = this.#options.logs.span();
    note(logs?.oldest, logs?.newest);
    return oldest > newest ? null : { oldest, newest };
  }

  /** About how many bytes are older than each of these times. */
  *#bytesBefore(times: readonly number[]): Generator<void, number[]> {
    const bytes = times.map((at) => this.#options.logs.bytesBefore(at));
    for (const { table, time, rowBytes } of AGED) {
      const sums = times.map((_, index) => `sum(iif(${time} < ?${index + 3}, ${rowBytes}, 0)) AS b${index}`);
      const sum = this.#prepare(`SELECT ${sums.join(', ')} FROM ${table}`, table);
      for (const range of this.#ranges(table)) {
        const row = sum.get(...range, ...times);
        for (const index of times.keys()) bytes[index] = (bytes[index] ?? 0) + Number(row?.[`b${index}`] ?? 0);
        yield;
      }
    }
    return bytes;
  }

  *#deleteBefore(at: number): Generator<void> {
    while (this.#options.logs.dropBefore(at)) yield;
    for (const { table, time } of AGED) {
      const remove = this.#prepare(`DELETE FROM ${table}`, table, `${time} < ?3`);
      for (const range of this.#ranges(table)) {
        remove.run(...range, at);
        yield;
      }
    }
    this.#options.onDeleted();
  }

  #isTooLong(): boolean {
    return Number(this.#pageCount.get()?.page_count) * this.#pageBytes > this.#fileBytes;
  }

  /** A file that was made without the means to be cut is written anew, once. */
  *#cutFile(): Generator<void> {
    const database = this.#database;
    if (!this.#isTooLong()) return;
    if (Number(database.prepare('PRAGMA auto_vacuum').get()?.auto_vacuum) === 0)
      database.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM;');
    while (this.#isTooLong() && Number(this.#freeCount.get()?.freelist_count) > 0) {
      database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
      yield;
    }
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  /** `recent` has no order by worker: it is short, and done at once. */
  #prepare(head: string, table: Aged['table'], and = 'true'): StatementSync {
    const place = table === 'recent' ? 'seq' : 'worker';
    return this.#database.prepare(`${head} WHERE ${place} BETWEEN ?1 AND ?2 AND ${and}`);
  }

  #ranges(table: Aged['table']): readonly (readonly [first: number, last: number])[] {
    if (table === 'recent') return [[0, Number.MAX_SAFE_INTEGER]];
    const ids = this.#database.prepare('SELECT id FROM names ORDER BY id').all();
    const ranges: [number, number][] = [];
    for (let at = 0; at < ids.length; at += WORKERS_PER_STEP)
      ranges.push([Number(ids[at]?.id), Number(ids[Math.min(at + WORKERS_PER_STEP, ids.length) - 1]?.id)]);
    return ranges;
  }
}

/**
 * The earliest of these times (ascending) that frees enough. Where that would free far more, the one before it is taken: a finer
 * look at what is left follows.
 */
export function decideCut(times: readonly number[], before: readonly number[], wanted: number): number {
  const index = before.findIndex((bytes) => bytes >= wanted);
  const last = times.at(-1) ?? 0;
  if (index === -1) return last;
  const coarse = (before[index] ?? 0) > wanted * 2 && (before[index - 1] ?? 0) > 0;
  return times[coarse ? index - 1 : index] ?? last;
}
