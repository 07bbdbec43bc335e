import { expect, test } from 'vitest';
import { copyLine } from '../../src/cli/state-diff.ts';

const copy = { revision: '9', checksum: null, intact: true, tick: 4, entries: [] } as const;

test.each([
  ['1795338215114201', '1795338215114201', 'owner 1795338215114201 (since 2026-11-22T09:03:35Z)'],
  // As an earlier release, and the data folder, count them.
  ['400', '400', 'owner 400'],
  ['400', '1795338215114201', 'written by owner 400, owner now 1795338215114201 (since 2026-11-22T09:03:35Z)'],
  ['9223372036854775807', '9223372036854775807', 'owner 9223372036854775807'],
])('an epoch is shown with its time where it is one: %s, %s', (writtenEpoch, epoch, owner) => {
  const line = copyLine('Redis', { ...copy, writtenEpoch, epoch });
  expect(line).toBe(`Redis:     revision 9, ${owner}, tick 4, 0 keys, no checksum`);
});
