/** Which program a process is charged to that ends: with a small process of its own in the place of the engine's. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { folderWith } from '../../support/folder.ts';
import { Child } from './child.ts';
import type { Program, Verdict } from './program.ts';

/** Ends at once for "die"; ends for "quarrel" only where another one runs beside it. */
const SCRIPT = `
const running = new Set();
process.on('message', ({ kind, program }) => {
  if (kind === 'stop') process.exit(0);
  if (kind !== 'run') return;
  running.add(program.id);
  setTimeout(() => {
    if (program.source === 'die') process.exit(7);
    if (program.source === 'quarrel' && running.size > 1) process.kill(process.pid, 'SIGKILL');
    running.delete(program.id);
    process.send({ kind: 'verdict', verdict: { id: program.id, end: 'pass', detail: '', reached: [] } });
  }, 20);
});
process.send({ kind: 'ready' });
`;

async function runAll(
  sources: readonly string[],
  script = SCRIPT,
): Promise<{ verdicts: Verdict[]; deaths: (readonly string[])[] }> {
  const cwd = folderWith();
  writeFileSync(join(cwd, 'child.mjs'), script);
  const verdicts: Verdict[] = [];
  const deaths: (readonly string[])[] = [];
  const child = new Child({
    script: pathToFileURL(join(cwd, 'child.mjs')),
    args: () => [],
    env: process.env,
    cwd,
    lanes: 3,
    onVerdict: (verdict) => verdicts.push(verdict),
    onCellDeath: () => undefined,
    onDeath: (how, running) => deaths.push([how.split(':', 1)[0] as string, ...running]),
  });
  await child.runAll(sources.map((source, index) => ({ id: `${source}-${index}`, source }) as unknown as Program));
  return { verdicts, deaths };
}

const endsOf = (verdicts: readonly Verdict[]) => Object.fromEntries(verdicts.map(({ id, end }) => [id, end]));

it('a process that ends is charged to the program that ends it alone, and all others have their verdict', async () => {
  const { verdicts, deaths } = await runAll(['ok', 'die', 'ok', 'ok', 'ok']);
  expect(endsOf(verdicts)).toEqual({
    'ok-0': 'pass',
    'die-1': 'node-death',
    'ok-2': 'pass',
    'ok-3': 'pass',
    'ok-4': 'pass',
  });
  expect(verdicts).toHaveLength(5);
  expect(deaths.length).toBeGreaterThanOrEqual(1);
  expect(deaths.at(-1)).toEqual(['7', 'die-1']);
});

it('a death that no program causes alone is told all the same', async () => {
  const { verdicts, deaths } = await runAll(['quarrel', 'ok', 'ok']);
  expect(Object.values(endsOf(verdicts))).toEqual(['pass', 'pass', 'pass']);
  expect(deaths).toHaveLength(1);
  expect(deaths[0]?.[0]).toBe('SIGKILL');
});

it('a process that does not start is no endless loop', async () => {
  await expect(runAll(['ok'], 'console.error("no such thing"); process.exit(1);')).rejects.toThrow('no such thing');
});
