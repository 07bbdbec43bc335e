/** What is wrong with a configuration file: all findings at once, each with its place in the file. */
import { RuntimeError } from '../core/errors.ts';

export interface ConfigProblem {
  /** As it is shown to people. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `workers[0].interval`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what to do, without the place. */
  readonly message: string;
}

/** `workers[0].interval` for `['workers', 0, 'interval']`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? String(step) : `.${String(step)}`;
  }
  return text;
}

/** One line: `runtime.yaml:3:5: workers[0].interval: must be …`. */
export function formatProblem(problem: ConfigProblem): string {
  const path = problem.path === '' ? '' : `${problem.path}: `;
  return `${problem.file}:${problem.line}:${problem.column}: ${path}${problem.message}`;
}

/** The one error for all problems; `details.problems` has them as data. */
export function configInvalid(problems: readonly ConfigProblem[]): RuntimeError {
  const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const count = sorted.length === 1 ? 'one problem' : `${sorted.length} problems`;
  const lines = sorted.map((problem) => `  ${formatProblem(problem)}`);
  return new RuntimeError('CONFIG_INVALID', `the configuration has ${count}:\n${lines.join('\n')}`, {
    details: { problems: sorted },
  });
}
