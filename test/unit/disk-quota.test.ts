import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogRecord, MinuteRecord, TickRecord } from '../../src/store/contracts.ts';
import { decideCut, foldRowsWithin } from '../../src/store/embedded/disk-quota.ts';
import { RecordDatabase, type RecordDatabaseOptions } from '../../src/store/embedded/record-database.ts';
import { packLog, packTick, type RecordCell } from '../../src/store/embedded/record-messages.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';

const MIB = 1024 * 1024;
const NOW = 1_790_000_040_000;
const MINUTE_MS = 60_000;
const WORKERS = 40;

describe('the disk quota of the records', () => {
  let folder: TempFolder;
  let options: RecordDatabaseOptions;
  let database: RecordDatabase;

  beforeEach(async () => {
    folder = await createTempFolder();
    options = {
      file: join(folder.path, 'records.db'),
      ticksPerWorker: 200,
      failedTickDays: 30,
      keptPerWorker: 10_000,
      foldRows: foldRowsWithin(4 * MIB),
      logBytes: 1024 * MIB,
      logDays: 30,
      diskBytes: 4 * MIB,
    };
    database = new RecordDatabase(options);
  });

  afterEach(async () => {
    database.close();
    await folder.remove();
  });

  const fileBytes = (): number =>
    ['', '-wal'].reduce((sum, suffix) => {
      const file = `${options.file}${suffix}`;
      return sum + (existsSync(file) ? statSync(file).size : 0);
    }, 0);

  const nameOf = (worker: number): string => `default/w${worker}`;

  /** One tick of every worker a minute, every fifth of them failed, and a line of each. */
  function append(minute: number): void {
    const ticks: RecordCell[] = [];
    const logs: RecordCell[] = [];
    const at = NOW + minute * MINUTE_MS;
    for (let worker = 0; worker < WORKERS; worker++) {
      const failed = worker % 5 === 0;
      packTick(ticks, {
        ...{ worker: nameOf(worker), tick: minute, fn: 'tick', outcome: failed ? 'error' : 'ok', dueAt: at },
        ...{ startedAt: at, durationMs: 1, cpuMs: 1, latenessMs: 0, skipped: 0 },
        errorCode: failed ? 'USER_ERROR' : null,
        errorMessage: failed ? `KeyError: ${'é'.repeat(100)}` : null,
      });
      packLog(logs, {
        ...{ worker: nameOf(worker), at, level: 'info', text: `line ${minute} ${'x'.repeat(200)}` },
        ...{ fields: null, tick: minute },
      });
    }
    database.append(ticks, logs, at);
  }

  const ticksOf = (worker: number): TickRecord[] =>
    database.answer({ kind: 'ticks', worker: nameOf(worker), limit: 100_000 }) as TickRecord[];
  const minutesOf = (worker: number): MinuteRecord[] =>
    database.answer({ kind: 'minutes', worker: nameOf(worker), limit: 100_000 }) as MinuteRecord[];
  const logs = (): LogRecord[] => database.answer({ kind: 'logs', query: { limit: 1_000_000 } }) as LogRecord[];

  test('holds at every moment, and the oldest of ticks, minutes and logs go first', () => {
    let most = 0;
    const count = 1_500;
    for (let minute = 1; minute <= count; minute++) {
      append(minute);
      most = Math.max(most, fileBytes());
    }
    expect(most).toBeLessThanOrEqual(options.diskBytes);
    expect(most).toBeGreaterThan(options.diskBytes / 2);
    const failedTicks = ticksOf(5);
    const oldest = [
      failedTicks.at(-1)?.startedAt ?? 0,
      minutesOf(5).at(-1)?.at ?? 0,
      minutesOf(6).at(-1)?.at ?? 0,
      logs().at(-1)?.at ?? 0,
    ].map((at) => (at - NOW) / MINUTE_MS);
    // Something of the last while is there of each kind, without a hole, and they reach back about as far.
    for (const minute of oldest) expect(minute).toBeLessThan(count - 50);
    expect(Math.max(...oldest) - Math.min(...oldest)).toBeLessThan(60);
    expect(failedTicks.map(({ tick }) => tick)).toEqual(failedTicks.map((_, index) => count - index));
    expect(logs()[0]?.tick).toBe(count);
  });

  test('is kept by a file that was larger before the setting was lowered, also one that was made without the means to be cut', () => {
    for (const made of ['to be cut', 'before there was a quota']) {
      options = { ...options, diskBytes: 64 * MIB };
      database.close();
      database = new RecordDatabase(options);
      if (made === 'before there was a quota') {
        database.close();
        const file = new DatabaseSync(options.file);
        file.exec('PRAGMA auto_vacuum = NONE; VACUUM');
        expect(file.prepare('PRAGMA auto_vacuum').get()).toEqual({ auto_vacuum: 0 });
        file.close();
        database = new RecordDatabase(options);
      }
      for (let minute = 1; minute <= 1_000; minute++) append(minute);
      expect(fileBytes()).toBeGreaterThan(8 * MIB);
      database.close();
      options = { ...options, diskBytes: 4 * MIB };
      database = new RecordDatabase(options);
      // Each cuts for a twentieth of a second at most, which a busy machine makes little of.
      let last = 1_001;
      for (append(last); fileBytes() > options.diskBytes && last < 1_040; ) append(++last);
      expect(fileBytes(), made).toBeLessThanOrEqual(options.diskBytes);
      expect(ticksOf(5)[0]?.tick).toBe(last);
      expect(logs()[0]?.tick).toBe(last);
    }
  });

  test('leaves everything in its place while there is room', () => {
    for (let minute = 1; minute <= 100; minute++) append(minute);
    expect(ticksOf(5)).toHaveLength(100);
    expect(logs()).toHaveLength(100 * WORKERS);
  });
});

describe('where the records are cut', () => {
  test('is the earliest time that frees enough', () => {
    expect(decideCut([10, 20, 30], [5, 50, 500], 5)).toBe(10);
    expect(decideCut([10, 20, 30], [5, 50, 500], 30)).toBe(20);
  });
  test('is an earlier one where that would free far more, if it frees anything', () => {
    expect(decideCut([10, 20, 30], [5, 6, 500], 10)).toBe(20);
    expect(decideCut([10, 20, 30], [0, 0, 500], 10)).toBe(30);
  });
  test('is the last where nothing frees enough', () => {
    expect(decideCut([10, 20, 30], [1, 2, 3], 10)).toBe(30);
  });
});
