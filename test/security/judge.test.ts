/** The runner of the corpus finds what it is there for: each fact that must not be is a violation, one at a time. */
import { describe, expect, it } from 'vitest';
import { parseAttack, readCorpus } from '../support/attack.ts';
import { type Beat, percentile } from './runner/canary-watch.ts';
import type { CellSeen } from './runner/cell-watch.ts';
import { type CaseFacts, type RunFacts, runViolationsOf, violationsOf } from './runner/judge.ts';
import type { CaseOutcome, Resources } from './runner/messages.ts';
import { parseOptions } from './runner/options.ts';

const MiB = 1_048_576;

const attack = parseAttack(
  'a.js',
  ['// what: a', '// expect: timeout', '// spawnsMax: 2', '// idleCpuMs: 30', 'x'].join('\n'),
);
const outcome: CaseOutcome = {
  end: 'timeout TICK_TIMEOUT',
  codes: ['TICK_TIMEOUT'],
  unknownCodes: [],
  messageChars: 80,
  textChars: 200,
  overrunMs: 50,
  overrunIn: 'ticking',
  message: '',
  leaks: [],
  before: 'kept',
  found: undefined,
  stateReadable: true,
  logLines: 2,
  longestLine: 80,
};
const cell: CellSeen = {
  pid: 1,
  workspace: 'attacker-1',
  backend: 'isolate',
  startedAt: 0,
  baseBytes: 80 * MiB,
  rssBytes: 90 * MiB,
  peakBytes: 600 * MiB,
  overBytes: 0,
  overSince: null,
  overMs: 0,
  budgetBytes: 600 * MiB,
  gone: false,
};
const beat: Beat = {
  kind: 'tick',
  worker: 'canary/js-1',
  tick: 7,
  outcome: 'ok',
  errorCode: null,
  latenessMs: 2,
  skipped: 0,
  at: 0,
  busy: false,
};
const facts: CaseFacts = {
  nodeExit: null,
  outcome,
  durationMs: 1_100,
  busy: false,
  pingMs: 12,
  beats: [beat, { ...beat, tick: 8 }, { ...beat, worker: 'canary/py-1', tick: 3 }],
  cells: [cell],
  spawned: 1,
  keptBytes: 20 * MiB,
  idleCpuMs: 3,
};

const told = (patch: Partial<CaseOutcome>): Partial<CaseFacts> => ({ outcome: { ...outcome, ...patch } });

describe('a case', () => {
  it('in which all is well has no violation', () => expect(violationsOf(attack, facts)).toEqual([]));

  const wrong: Readonly<Record<string, readonly [Partial<CaseFacts>, RegExp]>> = {
    'a node that ended': [{ nodeExit: 'SIGSEGV' }, /node ended: SIGSEGV/],
    'a node that said nothing': [{ outcome: null }, /said nothing/],
    'a node that answered late': [{ pingMs: 1_001 }, /answered after 1001 ms/],
    'a canary that missed a tick': [{ beats: [beat, { ...beat, tick: 9 }] }, /tick 7 was followed by 9/],
    'a canary with a skipped slot': [{ beats: [{ ...beat, skipped: 1 }] }, /1 skipped/],
    'a canary that failed': [{ beats: [{ ...beat, outcome: 'cell-lost', errorCode: 'CELL_LOST' }] }, /CELL_LOST/],
    'a canary that was late': [{ beats: [{ ...beat, latenessMs: 950 }] }, /950 ms late/],
    'a cell far above its budget': [{ cells: [{ ...cell, overBytes: 151 * MiB, overMs: 100 }] }, /above its budget/],
    'a cell above its budget for long': [{ cells: [{ ...cell, overBytes: MiB, overMs: 501 }] }, /for 501 ms/],
    'a cell that keeps memory': [{ keptBytes: 449 * MiB }, /kept 449 MiB/],
    'too many cells': [{ spawned: 3 }, /3 cells were started/],
    'another end': [told({ end: 'ok' }), /ended as "ok"/],
    'an end that never came': [told({ end: 'none' }), /ended as "none"/],
    'a code that no table has': [told({ unknownCodes: ['WHAT'] }), /WHAT/],
    'an end that came late': [told({ overrunMs: 2_001 }), /2001 ms after its limit/],
    'a long message': [told({ messageChars: 4_300 }), /4300 characters without/],
    'a long text': [told({ textChars: 21_000 }), /21000 characters with/],
    'a long line': [told({ longestLine: 10_200 }), /log line of 10200/],
    'many lines': [told({ logLines: 2_011 }), /2011 log lines/],
    'a secret that leaked': [told({ leaks: ['the secret of the host in its log'] }), /secret of the host/],
    'a state that is lost': [told({ before: undefined }), /not intact/],
    'a state that cannot be read': [told({ stateReadable: false }), /cannot be read/],
    'something that it got hold of': [told({ found: ['process'] }), /got hold of \["process"\]/],
    'an odd thing that it got hold of': [told({ found: 1 }), /got hold of 1/],
    'work between its ticks': [{ ...told({ end: 'ok' }), idleCpuMs: 31 }, /used 31 ms of a processor/],
    'work between its ticks that nobody measured': [{ ...told({ end: 'ok' }), idleCpuMs: null }, /nobody knows/],
  };
  for (const [what, [patch, violation]] of Object.entries(wrong))
    it(`with ${what} is found`, () => {
      const found = violationsOf({ ...attack, expect: [...attack.expect] }, { ...facts, ...patch });
      expect(found.join('\n')).toMatch(violation);
    });
});

const resources: Resources = {
  pid: 10,
  active: { Timeout: 4 },
  cells: [],
  workers: ['canary/js-1'],
  busiestMs: 20,
  broken: [],
  polluted: [],
};
const run: RunFacts = {
  nodeExit: null,
  beats: Array.from({ length: 200 }, (_, index) => ({ ...beat, tick: index })),
  neighbours: [{ ...beat, outcome: 'cell-lost', errorCode: 'CELL_LOST' }],
  recoveries: [300, 400, 9_000],
  busy: false,
  before: resources,
  after: resources,
  descriptorsBefore: 50,
  descriptorsAfter: 51,
  orphans: [],
  stopped: 'exit code 0',
  leftAfterStop: [],
};

describe('a run', () => {
  it('in which all is well has no violation', () => expect(runViolationsOf(run)).toEqual([]));

  const late = run.beats.map((one, index) => ({ ...one, latenessMs: index < 10 ? 400 : 1 }));
  const wrong: Readonly<Record<string, readonly [Partial<RunFacts>, RegExp]>> = {
    'a node that ended': [{ nodeExit: 'SIGKILL' }, /node ended: SIGKILL/],
    'another process': [{ after: { ...resources, pid: 11 } }, /another process/],
    'late canaries': [{ beats: late }, /p99 400 ms/],
    'a loop that was held up': [{ after: { ...resources, busiestMs: 251 } }, /worked 251 ms/],
    'a neighbour that was charged': [
      { neighbours: [{ ...beat, outcome: 'error', errorCode: 'USER_ERROR' }] },
      /charged/,
    ],
    'neighbours that are long away': [{ recoveries: [3_000, 3_000, 100] }, /back after 3000 ms/],
    'an engine that broke': [{ after: { ...resources, broken: ['TypeError'] } }, /engine said: TypeError/],
    'a prototype that was changed': [{ after: { ...resources, polluted: ['toJSON'] } }, /prototype.*toJSON/],
    'an orphan': [{ orphans: ['12 node'] }, /left behind: 12 node/],
    'a worker that stayed': [{ after: { ...resources, workers: ['canary/js-1', 'attacker-1/a'] } }, /attacker-1\/a/],
    'descriptors that stayed': [{ descriptorsAfter: 56 }, /6 file descriptors/],
    'a timer that stayed': [{ after: { ...resources, active: { Timeout: 5 } } }, /1 timers/],
    'a node that does not end': [{ stopped: 'nothing: it still runs' }, /still runs/],
    'a cell that outlived it': [{ leftAfterStop: ['13 node main.ts'] }, /13 node/],
  };
  for (const [what, [patch, violation]] of Object.entries(wrong))
    it(`with ${what} is found`, () => expect(runViolationsOf({ ...run, ...patch }).join('\n')).toMatch(violation));

  it('does not judge by the clock where other programs have the machine', () => {
    const delayed = late.map((one) => ({ ...one, busy: true, skipped: 1 }));
    expect(runViolationsOf({ ...run, beats: delayed, recoveries: [3_000], busy: true })).toEqual([]);
    const slow = told({ overrunMs: 4_000 });
    expect(violationsOf(attack, { ...facts, ...slow, pingMs: 2_000, beats: delayed, busy: true })).toEqual([]);
  });

  it('asks for a percentile of enough ticks only', () => {
    const few = run.beats.slice(0, 50).map((one) => ({ ...one, latenessMs: 400 }));
    expect(runViolationsOf({ ...run, beats: few })).toEqual([]);
  });

  it('but a canary that fails, or work of the node itself, is found all the same', () => {
    const failed = [{ ...beat, busy: true, outcome: 'timeout', errorCode: 'TICK_TIMEOUT' }];
    expect(runViolationsOf({ ...run, beats: failed, busy: true }).join()).toMatch(/TICK_TIMEOUT/);
    const after = { ...resources, busiestMs: 400 };
    expect(runViolationsOf({ ...run, after, busy: true }).join()).toMatch(/worked 400 ms/);
  });
});

describe('the header of a case', () => {
  it('says of every case what it tries, how it may end, in which time and with how much memory', () => {
    for (const { what, expect: ends, timeoutMs, endsWithinMs, memoryMiB, keepsMiB } of readCorpus()) {
      expect(what).not.toBe('');
      expect(ends.length).toBeGreaterThan(0);
      for (const number of [timeoutMs, endsWithinMs, memoryMiB, keepsMiB]) expect(number).toBeGreaterThan(0);
    }
  });

  it.each([
    ['no end', '// what: a\n'],
    ['an end that there is not', '// what: a\n// expect: fine\n'],
    ['a key that there is not', '// what: a\n// expect: ok\n// timeout: 1\n'],
    ['a key twice', '// what: a\n// what: b\n// expect: ok\n'],
    ['a number that is none', '// what: a\n// expect: ok\n// timeoutMs: soon\n'],
  ])('with %s is refused, with the name of its file', (_what, text) => {
    expect(() => parseAttack('odd.js', text)).toThrow(/odd\.js/);
  });
});

it('the command line: --full is 20 times on real limits, and a number that is none is refused', () => {
  expect(parseOptions([])).toMatchObject({ times: 1, realLimits: false, only: [] });
  expect(parseOptions(['--full'])).toMatchObject({ times: 20, realLimits: true });
  expect(parseOptions(['--full', '--times', '2', '--only', 'a,b'])).toMatchObject({ times: 2, only: ['a', 'b'] });
  expect(() => parseOptions(['--times', '0'])).toThrow('--times');
});

it('a percentile of nothing is 0, and of values is one of them', () => {
  expect(percentile([], 0.99)).toBe(0);
  expect(percentile([3, 1, 2], 0.5)).toBe(2);
  expect(percentile([3, 1, 2], 1)).toBe(3);
});
