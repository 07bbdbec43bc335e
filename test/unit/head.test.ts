import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NEW_HEAD, parseHead, type WorkerHead } from '../../src/supervisor/head.ts';

const HEAD: WorkerHead = {
  v: 1,
  desired: 'running',
  actual: 'failed',
  reason: '5 errors in a row',
  startId: 'abc',
  setupDone: 'abc',
  startedBy: 'deploy',
  version: '0123456789ab',
  anchor: 1_700_000_000_000.25,
  tick: 42,
  errors: 5,
  skipped: 3,
  lastOutcome: 'error',
  lastTickAt: 1_700_000_001_000,
  inFlight: true,
  intents: [],
};

describe('the saved life of a worker', () => {
  test('comes back as it was committed', () => {
    expect(parseHead('default/w', JSON.stringify(HEAD))).toEqual(HEAD);
    expect(parseHead('default/w', JSON.stringify(NEW_HEAD))).toEqual(NEW_HEAD);
  });

  test('of a worker that never committed is that of one that was never started', () => {
    expect(parseHead('default/w', null)).toEqual(NEW_HEAD);
    expect(NEW_HEAD).toMatchObject({ desired: 'stopped', tick: 0, errors: 0, inFlight: false });
  });

  test('that is damaged is STATE_CORRUPT and names the worker, never a new life', () => {
    const wrong = [
      '',
      'nonsense',
      'null',
      '[]',
      '{}',
      JSON.stringify({ ...HEAD, v: 2 }),
      JSON.stringify({ ...HEAD, tick: -1 }),
      JSON.stringify({ ...HEAD, tick: 1.5 }),
      JSON.stringify({ ...HEAD, desired: 'paused' }),
      JSON.stringify({ ...HEAD, inFlight: 1 }),
    ];
    for (const json of wrong)
      expect(() => parseHead('default/w', json), json).toThrow(
        expect.objectContaining({ code: 'STATE_CORRUPT', message: expect.stringContaining('default/w') }),
      );
  });

  test('without any one of its parts is STATE_CORRUPT', () => {
    for (const key of Object.keys(HEAD)) {
      if (key === 'intents') continue;
      const json = JSON.stringify({ ...HEAD, [key]: undefined });
      expect(() => parseHead('default/w', json), key).toThrow(expect.objectContaining({ code: 'STATE_CORRUPT' }));
    }
  });

  test('is never anything but whole or refused', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(() => parseHead('default/w', json)).toThrow(expect.objectContaining({ code: 'STATE_CORRUPT' }));
      }),
    );
  });
});
