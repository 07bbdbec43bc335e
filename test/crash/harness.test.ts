import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FAILPOINT_VARIABLE } from './harness/events.ts';
import { parseOptions } from './harness/options.ts';
import { printed, type Report } from './harness/report.ts';
import { runRounds } from './harness/run.ts';

/** A short seeded part of `npm run test:crash`; machines that do other things recover slowly, and only that is excused here. */
const SLOW = ['--recovery-ms', '45000'];

async function run(...args: readonly string[]): Promise<Report> {
  const { options } = parseOptions([...SLOW, ...args]);
  const report = await runRounds(options, () => undefined);
  console.log(printed(report));
  return report;
}

test('the embedded store loses nothing when node and cells are killed', { timeout: 120_000 }, async () => {
  const { violations, rounds, ticks } = await run('--setup', 'embedded', '--seed', '3', '--rounds', '2');
  expect(violations).toEqual([]);
  expect(rounds).toHaveLength(2);
  expect(ticks).toBeGreaterThan(50);
});

test('Redis in front of Postgres loses nothing when any of them, the node or its cells are killed, cut off or emptied', {
  timeout: 180_000,
}, async () => {
  const { violations, rounds, ticks } = await run('--seed', '11', '--rounds', '4');
  expect(violations).toEqual([]);
  expect(rounds).toHaveLength(4);
  expect(ticks).toBeGreaterThan(100);
});

test('a node that acknowledges what is not stored is found', { timeout: 180_000 }, async () => {
  const { violations } = await run(
    ...['--plant', 'acknowledge-before-commit', '--only', 'kill node', '--seed', '5', '--rounds', '10'],
  );
  expect(violations.map(({ rule }) => rule)).toContain('no acknowledged write is lost');
});

test('nothing that is shipped knows a failpoint', () => {
  const root = join(import.meta.dirname, '../..');
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly files: readonly string[];
  };
  expect(files.filter((file) => file.startsWith('test'))).toEqual([]);
  const sources = globSync('{src,sandbox,adapters,bin,tools}/**/*.{ts,mjs,js,py}', { cwd: root });
  expect(sources.length).toBeGreaterThan(100);
  const knowing = sources.filter((file) => /failpoint/i.test(readFileSync(join(root, file), 'utf8')));
  expect(knowing, FAILPOINT_VARIABLE).toEqual([]);
});
