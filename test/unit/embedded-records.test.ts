/** What only the embedded record store can be asked: its retention, its bounds, its damaged file. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogRecord, TickRecord } from '../../src/store/contracts.ts';
import { EmbeddedRecordStore } from '../../src/store/embedded/record-client.ts';
import { RecordDatabase, type RecordDatabaseOptions } from '../../src/store/embedded/record-database.ts';
import { packLog, packTick, type RecordCell } from '../../src/store/embedded/record-messages.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';

const THREAD = new URL('../../src/store/embedded/record-thread.ts', import.meta.url);
const WORKER = 'default/a';
const NOW = 1_790_000_040_000;
const DAY_MS = 86_400_000;

function tickOf(tick: number, over: Partial<TickRecord> = {}): TickRecord {
  const at = NOW + tick * 1_000;
  const times = { dueAt: at, startedAt: at, durationMs: 1, cpuMs: 1, latenessMs: 0, skipped: 0 };
  return { worker: WORKER, tick, fn: 'tick', outcome: 'ok', ...times, errorCode: null, errorMessage: null, ...over };
}

function tickCells(...records: TickRecord[]): RecordCell[] {
  const cells: RecordCell[] = [];
  for (const record of records) packTick(cells, record);
  return cells;
}

function logCells(...records: LogRecord[]): RecordCell[] {
  const cells: RecordCell[] = [];
  for (const record of records) packLog(cells, record);
  return cells;
}

const logOf = (n: number, over: Partial<LogRecord> = {}): LogRecord => {
  return {
    worker: WORKER,
    at: NOW,
    level: 'info',
    text: `line ${n} ${'x'.repeat(100)}`,
    fields: null,
    tick: n,
    ...over,
  };
};

describe('the embedded records', () => {
  let folder: TempFolder;
  let options: RecordDatabaseOptions;
  let database: RecordDatabase;

  beforeEach(async () => {
    folder = await createTempFolder();
    options = {
      file: join(folder.path, 'records.db'),
      ticksPerWorker: 5,
      failedTickDays: 2,
      keptPerWorker: 8,
      foldRows: 10,
      logBytes: 16_000,
      logDays: 2,
      diskBytes: 2 ** 30,
    };
    database = new RecordDatabase(options);
  });

  afterEach(async () => {
    database.close();
    await folder.remove();
  });

  const ticksOf = (worker = WORKER): number[] => {
    const answer = database.answer({ kind: 'ticks', worker, limit: 1_000 }) as TickRecord[];
    return answer.map(({ tick }) => tick);
  };

  const appendTicks = (...records: TickRecord[]): void => database.append(tickCells(...records), [], NOW);

  function reopen(): void {
    database.close();
    database = new RecordDatabase(options);
  }

  test('keep the last ok ticks of each worker when they are folded', () => {
    for (let tick = 1; tick <= 20; tick++) appendTicks(tickOf(tick), tickOf(tick + 100, { worker: 'default/b' }));
    expect(ticksOf()).toEqual([20, 19, 18, 17, 16]);
    expect(ticksOf('default/b')).toEqual([120, 119, 118, 117, 116]);
  });

  test('keep the order of arrival over folds and new openings', () => {
    appendTicks(...Array.from({ length: 10 }, (_, n) => tickOf(n + 1)));
    reopen();
    appendTicks(tickOf(10, { fn: 'setup' }), tickOf(11));
    expect(ticksOf()).toEqual([11, 10, 10, 9, 8, 7, 6]);
  });

  test('keep failed ticks beyond the ring, up to a bound of their own, until they are too old', () => {
    for (let tick = 1; tick <= 100; tick++) appendTicks(tickOf(tick, tick <= 20 ? { outcome: 'error' } : {}));
    expect(ticksOf()).toEqual([100, 99, 98, 97, 96, 20, 19, 18, 17, 16, 15, 14, 13]);
    database.append(tickCells(tickOf(101)), [], NOW + 3 * DAY_MS);
    expect(ticksOf()).toEqual([101, 100, 99, 98, 97, 96]);
  });

  test('sum up every minute once, however often they are folded', () => {
    for (let tick = 0; tick < 120; tick++) appendTicks(tickOf(tick, { durationMs: tick }));
    expect(database.answer({ kind: 'minutes', worker: WORKER, limit: 10 })).toMatchObject([
      { at: NOW + 60_000, ticks: 60, durationMsMax: 119, cpuMsSum: 60 },
      { at: NOW, ticks: 60, durationMsMax: 59, cpuMsSum: 60 },
    ]);
  });

  test('fit a ring that was made smaller', () => {
    appendTicks(...Array.from({ length: 10 }, (_, n) => tickOf(n + 1)));
    options = { ...options, ticksPerWorker: 2 };
    reopen();
    for (let tick = 11; tick <= 20; tick++) appendTicks(tickOf(tick));
    expect(ticksOf()).toEqual([20, 19]);
  });

  test('delete the oldest log lines beyond the byte limit and find the rest by worker', () => {
    for (let n = 1; n <= 1_000; n++) {
      database.append(
        [],
        logCells(logOf(n, { worker: `default/w${n % 3}`, level: n % 100 === 0 ? 'error' : 'info' })),
        NOW,
      );
      if (n === 500) reopen();
    }
    const all = database.answer({ kind: 'logs', query: { limit: 10_000 } }) as LogRecord[];
    const bytes = all.reduce((sum, { text }) => sum + text.length, 0);
    expect(bytes).toBeLessThanOrEqual(options.logBytes);
    expect(bytes).toBeGreaterThan(options.logBytes / 2);
    expect(all.map(({ tick }) => tick)).toEqual(all.map((_, index) => 1_000 - index));
    const mine = database.answer({ kind: 'logs', query: { worker: 'default/w1', limit: 10_000 } });
    expect(mine).toEqual(all.filter(({ worker }) => worker === 'default/w1'));
    const errors = database.answer({ kind: 'logs', query: { worker: 'default/w1', limit: 10, minLevel: 'error' } });
    expect(errors).toMatchObject([{ tick: 1_000, level: 'error' }]);
  });

  test('delete log lines that are too old', () => {
    for (let n = 1; n <= 100; n++) database.append([], logCells(logOf(n)), NOW);
    for (let n = 101; n <= 120; n++) {
      database.append([], logCells(logOf(n, { at: NOW + 3 * DAY_MS })), NOW + 3 * DAY_MS);
    }
    const left = database.answer({ kind: 'logs', query: { limit: 10_000 } }) as LogRecord[];
    expect(left[0]).toMatchObject({ tick: 120 });
    // The chunk that is still open, or holds a line that is young enough, stays whole.
    expect(left.filter(({ at }) => at === NOW).length).toBeLessThan(10);
  });

  test('put a damaged file aside instead of keeping the node from starting', () => {
    appendTicks(tickOf(1));
    database.close();
    writeFileSync(options.file, 'no database at all. '.repeat(1_000));
    database = new RecordDatabase(options);
    expect(database.note).toContain('put aside');
    expect(existsSync(`${options.file}.damaged`)).toBe(true);
    expect(ticksOf()).toEqual([]);
  });

  test('drop and count what their queue cannot hold, by number and by size', async () => {
    const store = await EmbeddedRecordStore.open({
      recordsMax: 10,
      charactersMax: 1_000,
      log: () => {},
      spawn: () => new Worker(THREAD, { workerData: { ...options, file: join(folder.path, 'other.db') } }),
    });
    store.appendLog(logOf(1, { text: 'x'.repeat(2_000) }));
    expect(store.dropped()).toBe(1);
    for (let tick = 1; tick <= 15; tick++) store.appendTick(tickOf(tick));
    expect(store.dropped()).toBe(6);
    await store.flush();
    store.appendTick(tickOf(16));
    expect(store.dropped()).toBe(6);
    expect((await store.ticks(WORKER, 1))[0]?.tick).toBe(16);
    await store.close();
  });

  test('count as dropped what their thread took with it, and reject who was waiting', async () => {
    const store = await EmbeddedRecordStore.open({
      log: () => {},
      // A thread that dies of the first record it gets.
      spawn: () =>
        new Worker(
          `const { parentPort: port } = require('node:worker_threads');
           port.on('message', ({ kind }) => { if (kind === 'close') port.close(); else throw new Error('a bug'); });
           port.postMessage({ kind: 'ready', note: null });`,
          { eval: true },
        ),
    });
    store.appendTick(tickOf(1));
    store.appendTick(tickOf(2));
    await expect(store.flush()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(store.dropped()).toBe(2);
    await store.close();
  });
});
