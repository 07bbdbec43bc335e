import { describe, expect, test } from 'vitest';
import type { CellLoss } from '../../src/supervisor/cell-loss.ts';
import type { RunResult } from '../../src/supervisor/run-result.ts';
import { describeError, failureLine, isBlamed, tickRecord } from '../../src/supervisor/tick-report.ts';

const OK: RunResult = { outcome: 'ok', error: null, waitedMs: 0, durationMs: 2, cpuMs: 1, intact: true, loss: null };
const error = { name: 'TypeError', message: 'x is not a function', stack: '' };
const failed = (outcome: RunResult['outcome']): RunResult => ({ ...OK, outcome, error });
const lost = (culprit: boolean): RunResult => {
  const loss: CellLoss = { reason: 'it was ended by SIGKILL', suspect: true, culprit, cause: 'crash', killed: false };
  return { ...failed('cell-lost'), intact: false, loss };
};

describe('who is to blame', () => {
  test.each<[string, boolean, RunResult]>([
    ['an ok tick', false, OK],
    ['an error', true, failed('error')],
    ['a timeout', true, failed('timeout')],
    ['too much memory', true, failed('memory')],
    ['a stop', false, failed('cancelled')],
    ['a cell lost to someone else', false, lost(false)],
    ['a cell that it took down itself', true, lost(true)],
  ])('%s: %s', (_what, blamed, result) => {
    expect(isBlamed(result)).toBe(blamed);
  });
});

describe('the record of a tick', () => {
  const times = { dueAt: 1_000, startedAt: 1_003, latenessMs: 3, skipped: 2 };

  test('has its times, its outcome and no error when it was ok', () => {
    expect(tickRecord('default/w', 7, 'tick', OK, times)).toEqual({
      worker: 'default/w',
      tick: 7,
      fn: 'tick',
      outcome: 'ok',
      dueAt: 1_000,
      startedAt: 1_003,
      latenessMs: 3,
      skipped: 2,
      durationMs: 2,
      cpuMs: 1,
      errorCode: null,
      errorMessage: null,
    });
  });

  test('counts as lateness what it waited for in its cell', () => {
    expect(tickRecord('default/w', 7, 'tick', { ...OK, waitedMs: 5 }, times).latenessMs).toBe(8);
  });

  test.each<[RunResult, string]>([
    [failed('error'), 'USER_ERROR'],
    [failed('timeout'), 'TICK_TIMEOUT'],
    [failed('memory'), 'MEMORY_LIMIT'],
    [failed('cancelled'), 'STOPPED'],
    [lost(false), 'CELL_LOST'],
    [lost(true), 'SANDBOX_CRASH'],
  ])('names the engine’s own code for its outcome (%#: %s)', (result, code) => {
    const record = tickRecord('default/w', 7, 'tick', result, times);
    expect(record.errorCode).toBe(code);
    expect(record.errorMessage).toBe('TypeError: x is not a function');
  });
});

describe('the line in the worker’s log', () => {
  test('is not there for what is no failure', () => {
    expect(failureLine('tick', OK)).toBeNull();
    expect(failureLine('tick', failed('cancelled'))).toBeNull();
  });

  test('is an error with the message for a failure, and a warning without blame for a cell lost to others', () => {
    expect(failureLine('tick', failed('error'))).toEqual({
      level: 'error',
      text: 'tick failed: TypeError: x is not a function',
    });
    expect(failureLine('tick', lost(false))).toMatchObject({
      level: 'warn',
      text: expect.stringContaining('no fault'),
    });
    expect(failureLine('tick', lost(true))).toMatchObject({ level: 'error' });
  });

  test('says name, message and stack once each', () => {
    expect(describeError({ ...error, stack: 'TypeError: x is not a function\n    at w.js:1:1' })).toBe(
      'TypeError: x is not a function\n    at w.js:1:1',
    );
    expect(describeError({ ...error, stack: '    at w.js:1:1' })).toBe(
      'TypeError: x is not a function\n    at w.js:1:1',
    );
  });
});
