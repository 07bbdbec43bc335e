/** What every record store does. How much it keeps is each one's own matter; what it keeps is right. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogRecord, RecordStore, TickRecord } from '../../src/store/contracts.ts';
import type { Implementation, RecordPlace } from '../support/store-places.ts';

const WORKER = 'default/counter';
const MINUTE_AT = 1_790_000_040_000;

function tickOf(tick: number, over: Partial<TickRecord> = {}): TickRecord {
  return {
    worker: WORKER,
    tick,
    fn: 'tick',
    outcome: 'ok',
    dueAt: MINUTE_AT + tick * 1_000,
    startedAt: MINUTE_AT + tick * 1_000 + 1,
    durationMs: 1.5,
    cpuMs: 0.25,
    latenessMs: 1,
    skipped: 0,
    errorCode: null,
    errorMessage: null,
    ...over,
  };
}

function logOf(text: string, over: Partial<LogRecord> = {}): LogRecord {
  return { worker: WORKER, at: MINUTE_AT, level: 'info', text, fields: null, tick: 1, ...over };
}

const failedTick = (tick: number): TickRecord =>
  tickOf(tick, { outcome: 'error', errorCode: 'USER_ERROR', errorMessage: 'Überraschung 🐢' });

export function recordStoreContract({ name, durable, create }: Implementation<RecordPlace>): void {
  describe(`the ${name} record store`, () => {
    let place: RecordPlace;
    let store: RecordStore;

    beforeEach(async () => {
      place = await create();
      store = await place.open();
    });

    afterEach(async () => {
      await store.close();
      await place.dispose();
    });

    test('gives back ticks as they were told, the newest first, setups among them', async () => {
      const told = [
        tickOf(0, { fn: 'setup' }),
        tickOf(1),
        failedTick(2),
        tickOf(3, { outcome: 'cell-lost', skipped: 4, latenessMs: 12.75 }),
        tickOf(3, { fn: 'setup', outcome: 'timeout' }),
        tickOf(4),
      ];
      for (const record of told) store.appendTick(record);
      expect(await store.ticks(WORKER, 100)).toEqual(told.toReversed());
      expect(await store.ticks(WORKER, 2)).toEqual(told.toReversed().slice(0, 2));
    });

    test('keeps the ticks of each worker apart', async () => {
      store.appendTick(tickOf(1));
      store.appendTick(tickOf(7, { worker: 'default/other' }));
      expect((await store.ticks(WORKER, 10)).map(({ tick }) => tick)).toEqual([1]);
      expect((await store.ticks('default/other', 10)).map(({ tick }) => tick)).toEqual([7]);
      expect(await store.ticks('default/unknown', 10)).toEqual([]);
    });

    test('keeps at least the configured number of ok ticks, and failed ones beyond it', async () => {
      await store.close();
      store = await place.open({ ticksPerWorker: 10 });
      store.appendTick(failedTick(1));
      for (let tick = 2; tick <= 500; tick++) store.appendTick(tickOf(tick));
      const ticks = (await store.ticks(WORKER, 1_000)).map(({ tick }) => tick);
      expect(ticks.slice(0, 10)).toEqual([500, 499, 498, 497, 496, 495, 494, 493, 492, 491]);
      expect(ticks.at(-1)).toBe(1);
    });

    test('sums the ticks of every minute, the newest minute first, setups left out', async () => {
      store.appendTick(tickOf(0, { fn: 'setup', durationMs: 1_000 }));
      store.appendTick(tickOf(1, { durationMs: 2, latenessMs: 5 }));
      store.appendTick(tickOf(2, { durationMs: 8, outcome: 'error', skipped: 3 }));
      store.appendTick(tickOf(60, { durationMs: 1 }));
      const sums = { worker: WORKER, failed: 0, skipped: 0 };
      expect(await store.minutes(WORKER, 10)).toEqual([
        {
          ...sums,
          at: MINUTE_AT + 60_000,
          ticks: 1,
          durationMsSum: 1,
          durationMsMax: 1,
          cpuMsSum: 0.25,
          latenessMsMax: 1,
        },
        {
          ...sums,
          at: MINUTE_AT,
          ticks: 2,
          failed: 1,
          skipped: 3,
          durationMsSum: 10,
          durationMsMax: 8,
          cpuMsSum: 0.5,
          latenessMsMax: 5,
        },
      ]);
      expect(await store.minutes(WORKER, 1)).toHaveLength(1);
    });

    test('gives back log lines as they were written, the newest first', async () => {
      const told = [
        logOf('first'),
        logOf('Zürich 🏔️\nsecond line\u0000', { fields: '{"__proto__":1}', tick: 2 }),
        logOf('', { level: 'error' }),
      ];
      for (const record of told) store.appendLog(record);
      expect(await store.logs({ limit: 10 })).toEqual(told.toReversed());
      expect(await store.logs({ limit: 1 })).toEqual([told[2]]);
    });

    test('finds log lines by worker and by least level', async () => {
      store.appendLog(logOf('a debug', { level: 'debug' }));
      store.appendLog(logOf('other', { worker: 'default/other', level: 'error' }));
      store.appendLog(logOf('a warn', { level: 'warn' }));
      store.appendLog(logOf('an error', { level: 'error' }));
      const texts = async (query: Parameters<RecordStore['logs']>[0]) =>
        (await store.logs(query)).map(({ text }) => text);
      expect(await texts({ worker: WORKER, limit: 10 })).toEqual(['an error', 'a warn', 'a debug']);
      expect(await texts({ worker: WORKER, limit: 10, minLevel: 'warn' })).toEqual(['an error', 'a warn']);
      expect(await texts({ limit: 10, minLevel: 'error' })).toEqual(['an error', 'other']);
      expect(await texts({ worker: 'default/unknown', limit: 10 })).toEqual([]);
    });

    test('forgets everything about one worker and nothing about another', async () => {
      for (const worker of [WORKER, 'default/other']) {
        store.appendTick(tickOf(1, { worker }));
        store.appendTick(tickOf(2, { worker, outcome: 'timeout' }));
        store.appendLog(logOf('line', { worker }));
      }
      await store.forget(WORKER);
      await store.forget('default/unknown');
      expect(await store.ticks(WORKER, 10)).toEqual([]);
      expect(await store.minutes(WORKER, 10)).toEqual([]);
      expect(await store.logs({ worker: WORKER, limit: 10 })).toEqual([]);
      expect(await store.ticks('default/other', 10)).toHaveLength(2);
      expect(await store.logs({ limit: 10 })).toHaveLength(1);
      store.appendTick(tickOf(1));
      expect(await store.ticks(WORKER, 10)).toHaveLength(1);
    });

    test('counts what comes after close as dropped and refuses questions', async () => {
      store.appendTick(tickOf(1));
      store.appendLog(logOf('line'));
      await store.flush();
      expect(store.dropped()).toBe(0);
      await store.close();
      store.appendTick(tickOf(2));
      store.appendLog(logOf('late'));
      expect(store.dropped()).toBe(2);
      await expect(store.ticks(WORKER, 10)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    });

    if (!durable) return;

    test('has after a close and an open what was told before', async () => {
      const ticks = [tickOf(1), failedTick(2)];
      for (const record of ticks) store.appendTick(record);
      store.appendLog(logOf('line'));
      await store.close();
      store = await place.open();
      store.appendTick(tickOf(3));
      expect(await store.ticks(WORKER, 10)).toEqual([tickOf(3), ...ticks.toReversed()]);
      expect(await store.logs({ limit: 10 })).toEqual([logOf('line')]);
    });
  });
}
