import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { WALLS } from '../security/walls/walls.ts';

/** `npm run test:walls` takes minutes; that its list still fits the code is seen here. */
describe('the list of walls', () => {
  it.each(WALLS.map((wall) => [wall.name, wall] as const))('%s: is where the list says, once', (_name, wall) => {
    expect(readFileSync(wall.file, 'utf8').split(wall.find)).toHaveLength(2);
    expect(wall.find).not.toBe(wall.replace);
    expect(wall.red.length).toBeGreaterThan(0);
    for (const { file } of wall.red) expect(existsSync(file)).toBe(true);
  });

  it('names each wall once', () => {
    expect(new Set(WALLS.map(({ name }) => name)).size).toBe(WALLS.length);
  });
});
