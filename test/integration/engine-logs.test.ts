/** What a worker may log, and what becomes of the rest. */
import { describe, expect, test } from 'vitest';
import { startEngine } from '../support/engine.ts';

const HOURLY = { schedule: { kind: 'interval', intervalMs: 3_600_000 } } as const;

describe.each([
  ['JavaScript', `export function tick(ctx) { for (let i = 0; i < 5000; i++) ctx.log.info('line ' + i); }`],
  ['Python', `def tick(ctx):\n    for i in range(5000):\n        print("line", i)\n`],
])('a flood of log lines in %s', (_language, text) => {
  test('is kept up to a thousand in ten seconds, and one line says how many were dropped', async () => {
    const engine = await startEngine();
    await engine.run('w', text, HOURLY);
    await engine.okTicks('w');
    const lines = engine.lines('w');
    expect(lines.filter((line) => line.includes('line '))).toHaveLength(1_000);
    expect(lines.filter((line) => line.includes('were dropped'))).toEqual([
      expect.stringContaining('4000 log lines were dropped: too many in ten seconds.'),
    ]);
    expect(lines).toHaveLength(1_001);
  });
});

test('a line of a hundred megabytes is cut, and says how long it was', async () => {
  const engine = await startEngine();
  await engine.run('w', `export function tick(ctx) { ctx.log.info('x'.repeat(1e8)); }`, {
    ...HOURLY,
    memoryBytes: 512 * 1_048_576,
  });
  await engine.okTicks('w');
  const [line = ''] = engine.lines('w');
  expect(line.length).toBeLessThan(10_100);
  expect(line).toContain('(cut, 100000000 characters)');
});
