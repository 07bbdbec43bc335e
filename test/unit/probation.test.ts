import { expect, test } from 'vitest';
import type { CellLoss } from '../../src/supervisor/cell-loss.ts';
import { Probation } from '../../src/supervisor/probation.ts';
import { FakeClock } from '../support/fake-clock.ts';

const SUSPECT: CellLoss = { reason: 'x', suspect: true, culprit: false, cause: 'crash', killed: false };
const CULPRIT: CellLoss = { ...SUSPECT, culprit: true };
const INNOCENT: CellLoss = { ...SUSPECT, suspect: false };

test('a culprit waits longer each time, a minute at most, and what has passed by then counts', () => {
  const clock = new FakeClock();
  const probation = new Probation(clock);
  const pauses = Array.from({ length: 9 }, () => {
    probation.judge(CULPRIT);
    return probation.pauseMs;
  });
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  clock.advance(45_000);
  expect(probation.pauseMs).toBe(15_000);
  clock.advance(20_000);
  expect(probation.pauseMs).toBe(0);
});

test('neither a suspect nor an innocent waits, and only a suspect is alone', () => {
  const probation = new Probation(new FakeClock());
  probation.judge(INNOCENT);
  expect([probation.pauseMs, probation.place('shared').purpose]).toEqual([0, 'shared']);
  probation.judge(SUSPECT);
  expect([probation.pauseMs, probation.place('shared').purpose]).toEqual([0, 'probation']);
});

test('who has behaved for a minute begins anew', () => {
  const clock = new FakeClock();
  const probation = new Probation(clock);
  for (let i = 0; i < 5; i++) probation.judge(CULPRIT);
  clock.advance(59_000);
  expect(probation.endIfOver()).toBe(false);
  clock.advance(1_000);
  expect(probation.endIfOver()).toBe(true);
  expect(probation.place('shared').purpose).toBe('shared');
  probation.judge(CULPRIT);
  expect(probation.pauseMs).toBe(1_000);
});
