/** Short forms for tests of the compiler. */
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { RuntimeError } from '../../src/core/errors.ts';
import { compileWorker } from '../../src/workers/compile.ts';
import type { CodeProblem, CompiledWorker } from '../../src/workers/definition.ts';
import { WORKER_SCRIPT } from '../../src/workers/script.ts';

type Exports = Readonly<Record<string, (...args: unknown[]) => unknown>>;

export function fixture(path: string): string {
  return fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
}

export function compileFixture(path: string): Promise<CompiledWorker> {
  return compileWorker({ kind: 'file', file: fixture(path) });
}

/** The first file is the entry. */
export function compileText(files: Readonly<Record<string, string>>): Promise<CompiledWorker> {
  const list = Object.entries(files).map(([path, text]) => ({ path, text }));
  return compileWorker({ kind: 'files', entry: list[0]?.path ?? '', files: list });
}

/** What the bundle exports, run in a context of its own that has no Node in it. */
export function exportsOf(worker: CompiledWorker): Exports {
  return runInContext(worker.code ?? '', createContext({}), { filename: WORKER_SCRIPT }) as Exports;
}

/** The problems that keep a worker from being compiled, as one error; fails where it compiles. */
export async function refusalOf(
  compiled: Promise<CompiledWorker>,
): Promise<{ message: string; problems: readonly CodeProblem[] }> {
  const error = await compiled.then(
    () => new Error('the worker was compiled'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RuntimeError) || error.code !== 'CODE_INVALID') throw error;
  return { message: error.message, problems: error.details?.['problems'] as readonly CodeProblem[] };
}
