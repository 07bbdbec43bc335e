import { beforeEach, expect, test } from 'vitest';
import { StoreAway } from '../../src/supervisor/store-away.ts';
import { FakeClock } from '../support/fake-clock.ts';

let clock: FakeClock;
let away: StoreAway;
let lines: (readonly [string, string, Record<string, unknown>])[];
beforeEach(() => {
  clock = new FakeClock();
  lines = [];
  away = new StoreAway(clock, (level, message, fields) => lines.push([level, message, fields]));
});

test('an outage is one line when it begins and one when the last worker goes on, with how many waited and for how long', () => {
  away.note('default/a', true, 'no answer');
  clock.advance(1_000);
  away.note('default/b', true, 'no answer');
  away.note('default/a', true, 'no answer');
  away.note('default/a', false, '');
  away.note('default/c', true, 'no answer');
  clock.advance(1_540);
  away.note('default/b', false, '');
  expect(lines).toEqual([['error', 'the store is away: no answer', { worker: 'default/a' }]]);
  away.note('default/c', false, '');
  away.note('default/c', false, '');
  expect(lines.slice(1)).toEqual([
    ['info', 'the store is back; 2 workers waited for it, the first for 2.5 s', { seconds: 2.5 }],
  ]);
});

test('the next outage is counted anew', () => {
  for (const worker of ['default/a', 'default/b']) away.note(worker, true, 'first');
  for (const worker of ['default/a', 'default/b']) away.note(worker, false, '');
  clock.advance(60_000);
  away.note('default/b', true, 'second');
  clock.advance(400);
  away.note('default/b', false, '');
  expect(lines.slice(2)).toEqual([
    ['error', 'the store is away: second', { worker: 'default/b' }],
    ['info', 'the store is back; 1 worker waited for it, the first for 0.4 s', { seconds: 0.4 }],
  ]);
});

test('a worker that waits no longer holds back no line', () => {
  away.note('default/a', true, 'no answer');
  away.note('default/b', true, 'no answer');
  away.forget('default/a');
  away.note('default/b', false, '');
  expect(lines.at(-1)?.[1]).toBe('the store is back; 2 workers waited for it, the first for 0 s');
});

test('a store that answers all the time is not told', () => {
  away.note('default/a', false, '');
  expect(lines).toEqual([]);
});
