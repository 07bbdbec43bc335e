/** All programs of a suite through one kind of process, with their verdicts kept on disk and canaries watched. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Canaries } from './canaries.ts';
import { type CanaryCount, Child } from './child.ts';
import type { Program } from './program.ts';
import type { Results } from './results.ts';

export type Runner = 'engine' | 'bare';

export interface RunContext {
  readonly runner: Runner;
  readonly lanes: number;
  readonly canaries: Canaries;
  readonly results: Results;
  readonly say: (line: string) => void;
}

const SCRIPTS: Readonly<Record<Runner, URL>> = {
  engine: new URL('engine-child.ts', import.meta.url),
  bare: new URL('bare-child.ts', import.meta.url),
};
const PROGRESS_EVERY = 2_000;
const TOUCHED_EVERY = 50;

export async function runPrograms(programs: Iterable<Program>, context: RunContext): Promise<CanaryCount> {
  const { runner, lanes, canaries, results, say } = context;
  const since = performance.now();
  let done = 0;
  const look = (): void => {
    for (const what of canaries.touched()) results.add({ kind: 'touched', what });
  };
  const child = new Child({
    script: SCRIPTS[runner],
    args: () => [mkdtempSync(join(canaries.folder, 'data-')), canaries.secretFile],
    env: canaries.env,
    cwd: canaries.sentinelFolder,
    lanes,
    onVerdict(verdict) {
      results.add({ kind: 'verdict', verdict });
      done += 1;
      if (done % TOUCHED_EVERY === 0) look();
      if (done % PROGRESS_EVERY > 0) return;
      const ms = (performance.now() - since) / done;
      say(`  ${runner}: ${done} programs, ${ms.toFixed(1)} ms each`);
    },
    onCellDeath: (death) => results.add({ kind: 'cell-death', death }),
    onDeath: (how, running) => results.add({ kind: 'node-death', death: { how, running } }),
  });
  await child.runAll(unknownTo(results, programs));
  look();
  return child.canary;
}

function* unknownTo(results: Results, programs: Iterable<Program>): Iterable<Program> {
  for (const program of programs) if (!results.verdicts.has(program.id)) yield program;
}
