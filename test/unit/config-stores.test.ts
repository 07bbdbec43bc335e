import { expect, test } from 'vitest';
import { problemsOf } from '../support/config.ts';

const WORKERS = 'workers: [{file: a.js}]\n';
const POSTGRES = 'postgres: {url: "postgres://a@b/c"}\n';
const REDIS = 'redis: {url: "redis://r"}\n';

test.each([
  ['a Postgres that is none', 'postgres: {url: "http://x"}', /postgres\.url.*postgres:\/\//],
  ['a Redis that is none', `${POSTGRES}redis: {url: "postgres://a@b/c"}`, /redis\.url.*redis:\/\//],
  ['Redis alone', REDIS, /redis.*add postgres\.url/],
  ['ack: redis without Redis', `${POSTGRES}state: {ack: redis}`, /state\.ack.*no redis\.url/],
  ['ack without Postgres', 'state: {ack: postgres}', /state\.ack.*means nothing without postgres/],
  ['a group without Postgres', 'placement: {group: g}', /placement\.group.*means nothing without postgres/],
  [
    'checkpoints that come after unsyncedMax',
    `${POSTGRES}${REDIS}state: {checkpoint: 30s, unsyncedMax: 10s}`,
    /state\.checkpoint.*not be longer than state\.unsyncedMax/,
  ],
])('%s is refused with what is wrong', (_name, text, told) => {
  const problems = problemsOf(WORKERS + text, { 'a.js': 'export function tick() {}' });
  expect(problems).toEqual([expect.stringMatching(told)]);
});

test('what is wrong of a store names no password', () => {
  const text = `${WORKERS}postgres: {url: "mysql://user:hidden@host/db"}`;
  expect(problemsOf(text, { 'a.js': '' }).join()).not.toContain('hidden');
});
