/** README.md says which case or test covers which row of the test plan: what it names is there, and no case is forgotten or there twice. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readCorpus } from '../support/attack.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CASES_MIN = 140;

interface Row {
  readonly id: string;
  readonly cases: readonly string[];
  readonly tests: readonly string[];
}

const rows: readonly Row[] = readFileSync(new URL('README.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\| (?:SBX|RES|PY|own)/.test(line))
  .map((line) => {
    const [, id = '', , where = ''] = line.split('|').map((cell) => cell.trim());
    const names = [...where.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);
    // What belongs to another row is named for the reader only.
    const elsewhere = new Set(/ of (?:SBX|RES|PY)-/.test(where) ? names : []);
    return {
      id,
      cases: names.filter((name) => !name.includes('/') && !elsewhere.has(name) && !name.startsWith('--')),
      tests: names.filter((name) => name.includes('/')),
    };
  });

const files = readCorpus().map(({ file }) => file);

function matching(pattern: string): readonly string[] {
  const text = pattern.replaceAll('.', '\\.').replaceAll('*', '.*');
  return files.filter((file) => new RegExp(`^${text}$`).test(file));
}

describe('the table of what is covered', () => {
  it('has every row of the plan once', () => {
    const ids = (name: string, count: number): string[] =>
      Array.from({ length: count }, (_, index) => `${name}-${String(index + 1).padStart(2, '0')}`);
    expect(rows.map(({ id }) => id)).toEqual([...ids('SBX', 14), ...ids('RES', 30), ...ids('PY', 14), 'own']);
  });

  it('names only what is there', () => {
    const missing = rows.flatMap(({ cases, tests }) => [
      ...cases.filter((pattern) => matching(pattern).length === 0),
      ...tests.filter((file) => !existsSync(`${ROOT}/${file}`)),
    ]);
    expect(missing).toEqual([]);
  });

  it('has every case in one row', () => {
    const found = rows.flatMap(({ id, cases }) => [...new Set(cases.flatMap(matching))].map((file) => ({ id, file })));
    const wrong = files
      .map((file) => ({ file, rows: found.filter((one) => one.file === file).map(({ id }) => id) }))
      .filter((one) => one.rows.length !== 1);
    expect(wrong).toEqual([]);
  });
});

describe('the corpus', () => {
  it('only grows', () => expect(files.length).toBeGreaterThanOrEqual(CASES_MIN));

  it('has no case twice under two names', () => {
    const byCode = Map.groupBy(readCorpus(), ({ code }) =>
      code
        .split('\n')
        .filter((line) => !/^(?:\/\/|#) what: /.test(line))
        .join('\n'),
    );
    expect([...byCode.values()].filter((same) => same.length > 1).map((same) => same.map(({ file }) => file))).toEqual(
      [],
    );
  });
});
