/** docs/errors.md is the table of core/errors.ts, in words. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERRORS } from '../../src/core/errors.ts';

const PAGE = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
const ROW = /^\| `([A-Z_]+)` +\| (\w+) +\| (yes|no) +\| (\d) +\| \S.+ \| \S.+ \|$/gm;

test('the page has every code once, with its fault, retry and exit code', () => {
  const documented = [...PAGE.matchAll(ROW)].map(([, code, fault, retry, exit]) => ({ code, fault, retry, exit }));
  const expected = Object.entries(ERRORS).map(([code, { fault, retry, exit }]) => ({
    code,
    fault,
    retry: retry ? 'yes' : 'no',
    exit: String(exit),
  }));
  expect(documented).toEqual(expected);
});
