import { expect, it } from 'vitest';
import { folderWith } from '../../support/folder.ts';
import type { End, Verdict } from './program.ts';
import { compare, summarize } from './report.ts';
import { Results } from './results.ts';

const CANARY = { ticks: 3, errors: 0 };
const verdict = (id: string, end: End, reached: string[] = []): Verdict => ({ id, end, detail: 'd', reached });

function resultsOf(...verdicts: Verdict[]): Results {
  const results = new Results(folderWith(), 'x');
  for (const one of verdicts) results.add({ kind: 'verdict', verdict: one });
  return results;
}

it('verdicts are on the disk, and half a line at the end is no harm', () => {
  const folder = folderWith({
    'x.jsonl': `${JSON.stringify({ kind: 'verdict', verdict: verdict('a', 'pass') })}\n{"ki`,
  });
  const results = new Results(folder, 'x');
  expect([...results.verdicts.keys()]).toEqual(['a']);
  results.add({ kind: 'verdict', verdict: verdict('b', 'pass') });
  expect([...new Results(folder, 'x').verdicts.keys()]).toEqual(['a', 'b']);
});

it('ends are counted by folder, and only of what was asked for', () => {
  const results = resultsOf(
    verdict('a/b/c/1', 'pass'),
    verdict('a/b/2', 'fail'),
    verdict('z/3', 'pass'),
    verdict('q', 'pass'),
  );
  const { lines, violations } = summarize(['a/b/c/1', 'a/b/2', 'z/3'], results, CANARY);
  expect(lines.slice(0, 3)).toEqual(['  a/b: 1 pass, 1 fail', '  z: 1 pass', 'all 3: 2 pass, 1 fail']);
  expect(violations).toEqual([]);
});

it('what must not be is a violation: the host reached, a node that ends, a program that never does, a neighbour that fails', () => {
  const results = resultsOf(verdict('a', 'threw', ['x']), verdict('b', 'never'), verdict('c', 'cell-death'));
  results.add({ kind: 'node-death', death: { how: '9', running: ['c'] } });
  results.add({ kind: 'touched', what: 'a file was written: y' });
  expect(summarize(['a', 'b', 'c'], results, { ticks: 1, errors: 1 }).violations).toEqual([
    'the node ended (9) while c',
    'a reached x',
    'a file was written: y',
    'b: d',
    'a worker of another workspace had 1 ticks that were not ok',
  ]);
});

it('workers may pass half a percent less than isolated-vm alone, among programs that both have run', () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => `${index}`);
  const bare = resultsOf(...ids.slice(0, 900).map((id) => verdict(id, 'pass')));
  const workers = (failing: number) =>
    resultsOf(...ids.map((id, index) => verdict(id, index < failing ? 'fail' : 'pass')));
  expect(compare(ids, workers(4), bare).violations).toEqual([]);
  expect(compare(ids, workers(5), bare).violations).toEqual(['workers pass 0.56 % less than isolated-vm alone']);
});
