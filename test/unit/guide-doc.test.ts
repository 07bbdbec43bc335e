/** The table of docs/guide.md is the one that the engine asks. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { TRANSITIONS } from '../../src/supervisor/life.ts';

const PAGE = readFileSync(new URL('../../docs/guide.md', import.meta.url), 'utf8');

test('the guide has every legal transition of a worker and no other', () => {
  const life = PAGE.split('\n## Life\n')[1]?.split('\n## ')[0] ?? '';
  const rows = [...life.matchAll(/^\| `(\w+)` +\| (.+) \|$/gm)].map(([, from, to = '']) => [
    from,
    [...to.matchAll(/`(\w+)`/g)].map(([, state]) => state),
  ]);
  expect(Object.fromEntries(rows)).toEqual(TRANSITIONS);
});
