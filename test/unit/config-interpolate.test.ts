// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like this
import { describe, expect, test } from 'vitest';
import { FILE_BYTES_MAX } from '../../src/config/interpolate.ts';
import { load, problemsOf } from '../support/config.ts';

const ONE = { 'a.py': '' };

function paramOf(value: string, files: Record<string, string> = {}, variables: Record<string, string> = {}): unknown {
  const { workers } = load(`workers:\n  - file: a.py\n    params: {p: ${value}}`, { ...ONE, ...files }, variables);
  const params = workers[0]?.options.params as { p: unknown } | undefined;
  return params?.p;
}

function problemOf(value: string, files: Record<string, string> = {}): string {
  const problems = problemsOf(`workers:\n  - file: a.py\n    params: {p: ${value}}`, { ...ONE, ...files });
  expect(problems).toHaveLength(1);
  return problems[0] ?? '';
}

describe('a reference in a configuration', () => {
  test('takes the value of an environment variable', () => {
    expect(paramOf('"x-${env:A}-${env:B}"', {}, { A: '1', B: '2' })).toBe('x-1-2');
  });

  test('takes the default where the variable is missing or empty', () => {
    expect(paramOf('"${env:A:-none}"')).toBe('none');
    expect(paramOf('"${env:A:-none}"', {}, { A: '' })).toBe('none');
    expect(paramOf('"${env:A:-none}"', {}, { A: 'some' })).toBe('some');
    expect(paramOf('"${env:A:-}"')).toBe('');
  });

  test('takes a file beside the configuration, without the newline at its end', () => {
    expect(paramOf('"${file:key.txt}"', { 'key.txt': 'secret\n' })).toBe('secret');
    expect(paramOf('"${file:key.txt}"', { 'key.txt': 'two\nlines\r\n' })).toBe('two\nlines');
  });

  test('stays text, whatever the value looks like', () => {
    expect(paramOf('"${env:A}"', {}, { A: '[1, 2]' })).toBe('[1, 2]');
    expect(paramOf('"${env:A}"', {}, { A: '5' })).toBe('5');
    expect(paramOf('"${env:A}"', {}, { A: '${env:B}' })).toBe('${env:B}');
  });

  test('becomes a number or a boolean where the setting is one', () => {
    const text = 'workers: [{file: a.py, maxErrors: "${env:MAX}", enabled: "${env:ON}", interval: "${env:EVERY}"}]';
    const { workers } = load(text, ONE, { MAX: '7', ON: 'false', EVERY: '5s' });
    expect(workers[0]).toMatchObject({ enabled: false, options: { maxErrors: 7, schedule: { intervalMs: 5_000 } } });
  });

  test('is written $${ where it is not meant as one', () => {
    expect(paramOf('"$${env:A} and $5"')).toBe('${env:A} and $5');
  });

  test.each([
    [
      'a variable that is not set',
      '"${env:MISSING}"',
      '3:18: workers[0].params.p: the environment variable MISSING is not set',
    ],
    [
      'the second of two',
      '"${env:A:-x} ${env:MISSING}"',
      '3:30: workers[0].params.p: the environment variable MISSING',
    ],
    [
      'a file that does not exist',
      '"${file:none.txt}"',
      '3:18: workers[0].params.p: the file none.txt cannot be read (it does not exist)',
    ],
    ['a folder', '"${file:.}"', 'EISDIR'],
    ['an unknown kind', '"${secret:x}"', 'write ${env:NAME}'],
    ['a name with other characters', '"${env:A B}"', 'write the name of an environment variable'],
    ['one that is not closed', '"${env:A"', 'no closing }'],
  ])('is reported at its place: %s', (_, value, expected) => expect(problemOf(value)).toContain(expected));

  test('to a file is bounded', () => {
    expect(paramOf('"${file:k}"', { k: 'x'.repeat(FILE_BYTES_MAX) })).toHaveLength(FILE_BYTES_MAX);
    expect(problemOf('"${file:k}"', { k: 'x'.repeat(FILE_BYTES_MAX + 1) })).toContain('larger than 64KiB');
  });

  test('without quotes inside braces is explained', () => {
    expect(problemOf('${env:A}')).toContain('write references in quotes');
  });
});
