// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like this
import { describe, expect, test } from 'vitest';
import { problemsOf } from '../support/config.ts';

const ONE = { 'a.py': '', 'b.py': '' };

describe('a problem in a configuration', () => {
  test.each([
    [
      'an unknown key',
      'workers:\n  - file: a.py\n    intervall: 5s',
      '3:5: workers[0].intervall: unknown key; did you mean interval?',
    ],
    [
      'a key in the wrong place',
      'interval: 5s\nworkers: [{file: a.py}]',
      '1:1: interval: unknown key here; it belongs in defaults or workers[]',
    ],
    ['a bad duration', 'workers:\n  - file: a.py\n    timeout: 10x', '3:14: workers[0].timeout: write a duration'],
    [
      'a fraction',
      'workers: [{file: a.py, interval: 0.5s}]',
      '1:34: workers[0].interval: write a duration in whole numbers with units: 500ms, 10s, 5m, 1h or 1h30m; from 1s (schedule.minInterval lowers it) to 1h',
    ],
    ['workers that are no list, and nothing else of it', 'workers: 5', '1:10: workers: must be a list, not a number'],
    ['a workers folder that is no text', 'workersFolder: 5', '1:16: workersFolder: must be text, not a number'],
    ['a number without a unit', 'workers: [{file: a.py, interval: 10}]', '1:34: workers[0].interval: write a duration'],
    ['a bad size', 'workers: [{file: a.py, memory: 64M}]', '1:32: workers[0].memory: write a size'],
    [
      'an interval that is too short',
      'workers: [{file: a.py, interval: 500ms}]',
      '1:34: workers[0].interval: must be between 1s and 1h',
    ],
    [
      'an interval that is too long',
      'workers: [{file: a.py, interval: 1h1s}]',
      '1:34: workers[0].interval: must be between 1s and 1h; use cron',
    ],
    [
      'a default interval out of range',
      'defaults: {interval: 1ms}\nworkers: [{file: a.py}]',
      '1:22: defaults.interval: must be between',
    ],
    [
      'a wrong type',
      'workers: [{file: a.py, maxErrors: many}]',
      '1:35: workers[0].maxErrors: must be a number, not text',
    ],
    [
      'a number out of range',
      'workers: [{file: a.py, maxErrors: 0}]',
      '1:35: workers[0].maxErrors: must be at least 1',
    ],
    [
      'a wrong choice',
      'workers: [{file: a.py, isolation: own}]',
      '1:35: workers[0].isolation: must be shared or dedicated',
    ],
    [
      'a list instead of a map',
      'http: [1]\nworkers: [{file: a.py}]',
      '1:7: http: must be a map of settings, not a list',
    ],
    ['a missing key', 'workers:\n  - interval: 5s', '2:5: workers[0].file: is missing'],
    [
      'a worker file that does not exist',
      'workers:\n  - file: nope.py',
      '2:11: workers[0].file: there is no such file',
    ],
    [
      'a worker file of another language',
      'workers: [{file: runtime.yaml}]',
      '1:18: workers[0].file: a worker is a .py, .js, .mjs or .ts file',
    ],
    [
      'a name that is taken',
      'workers: [{file: a.py}, {name: a, file: b.py}]',
      '1:32: workers[1].name: the name a is taken by another worker (a.py)',
    ],
    [
      'a name that is none, and no clash with another',
      'workers: [{file: a.py}, {name: "bad name!", file: a.py}]',
      '1:32: workers[1].name: a name starts with a letter or digit',
    ],
    [
      'a name that is a number',
      'workers: [{name: 123, file: a.py}, {file: a.py}]',
      '1:18: workers[0].name: must be text, not a number',
    ],
    [
      'a key that stands twice',
      'workers:\n  - file: a.py\n    timeout: 1s\n    timeout: 2s',
      '4:5: the key timeout stands here twice',
    ],
    [
      'interval beside cron',
      'workers: [{file: a.py, interval: 5s, cron: "* * * * *"}]',
      '1:44: workers[0].cron: use either interval or cron',
    ],
    [
      'a bad cron expression',
      'workers: [{file: a.py, cron: "61 * * * *"}]',
      '1:30: workers[0].cron: is not a cron expression',
    ],
    ['a cron that never comes', 'workers: [{file: a.py, cron: "0 0 31 2 *"}]', '1:30: workers[0].cron: never comes'],
    [
      'an unknown time zone',
      'workers: [{file: a.py, cron: "* * * * *", timezone: Mars}]',
      '1:53: workers[0].timezone: is not a known time zone',
    ],
    [
      'a time zone without cron',
      'workers: [{file: a.py, timezone: UTC}]',
      '1:34: workers[0].timezone: has a meaning with cron only',
    ],
    ['a workers folder that does not exist', 'workersFolder: ./none', '1:16: workersFolder: there is no such folder'],
    ['a configuration without workers', 'data: ./d', '1:1: no worker is configured'],
    ['an empty configuration', '', '1:1: no worker is configured'],
    [
      'a private address without a port',
      'http: {allowPrivate: [localhost]}\nworkers: [{file: a.py}]',
      '1:23: http.allowPrivate[0]: write host:port',
    ],
    [
      'a sidecar folder that does not exist',
      'workers: [{file: a.py}]\nsidecars: [{name: s, command: [x], cwd: no}]',
      '2:41: sidecars[0].cwd: there is no such folder',
    ],
    [
      'a number that JSON does not know',
      'workers: [{file: a.py, params: {x: .nan}}]',
      '1:32: workers[0].params: must be JSON',
    ],
    ['a value that holds itself', 'workers: [{file: a.py, params: &p {x: *p}}]', 'workers[0].params: must be JSON'],
    ['broken syntax', 'workers: [{file: a.py}\ndata: x', '2:'],
    ['an alias without an anchor', 'workers: *w', '1:10: nothing is named &w'],
    ['a tag', 'data: !secret x\nworkers: [{file: a.py}]', '1:7: Unresolved tag: !secret'],
  ])('is reported at its place: %s', (_, text, expected) => {
    const problems = problemsOf(text, ONE);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(expected);
  });

  test('does not hide the others: all come at once, in the order of the file', () => {
    const text = `intervall: 5s
workers:
  - file: a.py
    timeout: 10x
  - file: nope.py
    cron: "99 * * * *"
  - name: a
    file: b.py
    maxErrors: [1]
    params: {key: "\${env:MISSING}"}
`;
    expect(problemsOf(text, ONE).map((problem) => problem.split(' ').slice(0, 2).join(' '))).toEqual([
      '1:1: intervall:',
      '4:14: workers[0].timeout:',
      '5:11: workers[1].file:',
      '6:11: workers[1].cron:',
      '7:11: workers[2].name:',
      '9:16: workers[2].maxErrors:',
      '10:20: workers[2].params.key:',
    ]);
  });

  test('does not hide the others where an entry lacks what it needs', () => {
    const text = `workers:
  - interval: 1ms
  - file: nope.py
  - 5
sidecars:
  - name: x
  - {name: y, command: [a], cwd: nono}
`;
    expect(problemsOf(text, ONE).map((problem) => problem.split(' ').slice(0, 2).join(' '))).toEqual([
      '2:5: workers[0].file:',
      '2:15: workers[0].interval:',
      '3:11: workers[1].file:',
      '4:5: workers[2]:',
      '6:5: sidecars[0].command:',
      '7:34: sidecars[1].cwd:',
    ]);
  });

  test('never repeats the value, which may be a secret', () => {
    const text =
      'workers:\n  - file: a.py\n    timeout: "${env:SECRET}"\n    maxErrors: "${env:SECRET}"\n    isolation: "${env:SECRET}"';
    const problems = problemsOf(text, ONE, { SECRET: 'hunter2' });
    expect(problems).toHaveLength(3);
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  test('is found in aliases that would expand without bound', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 10; level++)
      lines.push(
        `a${level}: &a${level} [${Array(10)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
      );
    expect(problemsOf(lines.join('\n'), ONE).join('\n')).toMatch(/alias/i);
  });
});
