/** test262 as workers: which of its files are run, and how that compares to isolated-vm alone. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SuiteOptions, selectFiles } from './options.ts';
import type { Program } from './program.ts';
import { planTest262 } from './test262-plan.ts';

/** The longest try 65,536 regular expressions; a busy machine may need its time for that. */
const TIMEOUT_MS = 30_000;

export interface Test262Listing {
  readonly files: readonly string[];
  /** Reason → files. */
  readonly skipped: ReadonlyMap<string, readonly string[]>;
  programs(): Iterable<Program>;
}

export function listTest262(folder: string, options: SuiteOptions): Test262Listing {
  const all = globSync('**/*.js', { cwd: join(folder, 'test') })
    .filter((file) => !file.includes('_FIXTURE'))
    .toSorted();
  if (all.length === 0) throw new Error(`${folder} has no test/**/*.js`);
  const files = selectFiles(all, options);
  const skipped = new Map<string, string[]>();
  const wanted = files.filter((file) => {
    const plan = planTest262(read(folder, file), options.once);
    if (plan.kind === 'skip') skipped.set(plan.reason, [...(skipped.get(plan.reason) ?? []), file]);
    return plan.kind === 'run';
  });
  return { files, skipped, programs: () => programsOf(folder, wanted, options.once) };
}

/** Read as they are needed: together they are far too much. */
function* programsOf(folder: string, files: readonly string[], once: boolean): Iterable<Program> {
  for (const file of files) {
    const source = read(folder, file);
    const plan = planTest262(source, once);
    if (plan.kind === 'skip') continue;
    for (const { strict, isAsync, harness, negative } of plan.runs)
      yield {
        id: `${file}#${strict ? 'strict' : 'sloppy'}`,
        suite: 'test262',
        source,
        harness: harness.map((name) => join(folder, 'harness', name)),
        strict,
        isAsync,
        negative,
        stubs: [],
        timeoutMs: TIMEOUT_MS,
      };
  }
}

function read(folder: string, file: string): string {
  return readFileSync(join(folder, 'test', file), 'utf8');
}
