/**
 * Every attack of test/security/corpus against a real node, beside workers that must not notice: what the runner (runner/run.ts) does
 * with short limits. A hole that is closed adds a file to the corpus.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCorpus } from '../support/attack.ts';
import { deferred } from '../support/engine.ts';
import { DEFAULTS } from './runner/options.ts';
import { type CaseResult, caseLine, printed, type Report } from './runner/report.ts';
import { CorpusRun } from './runner/run.ts';

/** The whole corpus has this long. */
const LIMIT_MS = 480_000;

const results = new Map(readCorpus().map(({ file }) => [file, deferred<CaseResult | Error>()]));
let running: Promise<Report>;

beforeAll(() => {
  const run = new CorpusRun(DEFAULTS, (result) => results.get(result.file)?.resolve(result));
  running = run.run();
  running.catch((error: Error) => {
    for (const { resolve } of results.values()) resolve(error);
  });
});

afterAll(async () => {
  await running.catch(() => undefined);
}, LIMIT_MS);

// The runner goes on by itself, a few at a time: each test only waits for its own case.
describe('an attack ends as declared, in time, and nobody notices', () => {
  for (const { file, what } of readCorpus())
    it(`${file}: ${what}`, { timeout: LIMIT_MS }, async () => {
      const result = await results.get(file)?.promise;
      if (result === undefined || result instanceof Error) throw result;
      if (result.violations.length > 0) expect(caseLine(result)).toBe('');
    });
});

it('no canary missed a tick, nobody was charged for another, and nothing is left of all attacks', {
  timeout: LIMIT_MS,
}, async () => {
  const report = await running;
  console.log(printed(report));
  expect(report.violations).toEqual([]);
});
