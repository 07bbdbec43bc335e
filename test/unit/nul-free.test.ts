import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refuseCommit, refuseReplacement } from '../../src/store/commit-rule.ts';
import { fromColumn, toColumn } from '../../src/store/postgres/nul-free.ts';
import { plainCommit } from '../support/commits.ts';

const odd = fc.string({ unit: fc.constantFrom('\u0000', '\ufdd0', '0', '\ufdd1', 'a', '🔑'), maxLength: 12 });
const any = fc.string({ unit: 'binary' });

test('every text comes back as it was, and none holds U+0000 on its way', () => {
  fc.assert(
    fc.property(fc.oneof(odd, any), (text) => {
      const column = toColumn(text);
      expect(column).not.toContain('\u0000');
      expect(fromColumn(column)).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

test('two texts never become the same one', () => {
  fc.assert(
    fc.property(odd, odd, (one, other) => {
      expect(toColumn(one) === toColumn(other)).toBe(one === other);
    }),
    { numRuns: 2_000 },
  );
});

test('a text without the two characters is not touched', () => {
  expect(toColumn('{"a":"\\u0000"}')).toBe('{"a":"\\u0000"}');
  expect([toColumn('\u0000'), toColumn('\ufdd0'), toColumn('\ufdd00')]).toEqual([
    '\ufdd00',
    '\ufdd0\ufdd0',
    '\ufdd0\ufdd00',
  ]);
});

test('half a surrogate pair is refused before it gets there, wherever it stands', () => {
  const half = '\udc00';
  const base = plainCommit('default/w', 0n);
  for (const commit of [
    { ...base, head: half },
    { ...base, changes: [{ key: half, json: '1' }] },
    { ...base, changes: [{ key: half, json: null }] },
    { ...base, changes: [{ key: 'a', json: half }] },
  ])
    expect(refuseCommit(commit)).toMatchObject({ code: 'STATE_INVALID' });
  const replacement = { worker: 'default/w', epoch: 1n, revision: 2n, commitId: 'c', head: '{}', entries: [] };
  expect(refuseReplacement(replacement)).toBeNull();
  expect(refuseReplacement({ ...replacement, head: half })).toMatchObject({ code: 'STATE_INVALID' });
  expect(refuseReplacement({ ...replacement, entries: [[half, '1']] })).toMatchObject({ code: 'STATE_INVALID' });
  expect(refuseReplacement({ ...replacement, entries: [['a', half]] })).toMatchObject({ code: 'STATE_INVALID' });
  // As an escape it is plain text.
  expect(refuseCommit({ ...base, changes: [{ key: 'a', json: '"\\ud800"' }] })).toBeNull();
});
