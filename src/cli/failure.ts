/** How a command that fails says so: one message and a hint for what is expected, a stack for what is not. */
import { dirname, resolve } from 'node:path';
import { displayPath } from '../config/load.ts';
import { RuntimeError } from '../core/errors.ts';
import type { CodeProblem, WorkerSource } from '../workers/definition.ts';
import type { Output } from './output.ts';

/** Exit code of a wrong command line, as the table gives it to a wrong configuration. */
export const EXIT_USAGE = 2;
const EXIT_UNEXPECTED = 1;

/** What helps where the message itself cannot say it. */
function hintFor(error: RuntimeError, config: string | undefined): string | undefined {
  if (error.code === 'CONFIG_INVALID' && error.details?.problems !== undefined)
    return `check again with: runtime config check${config === undefined ? '' : ` --config ${quoted(config)}`}`;
  if (error.code === 'DATA_LOCKED' && error.details?.['elsewhere'] !== true)
    return 'end the other one, or name another folder under data in the configuration';
  return undefined;
}

/** As a shell takes it. */
function quoted(path: string): string {
  return /^[\w./@+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** Prints a failure and returns the exit code. `config`: the configuration that the command line named. */
export function reportFailure(error: unknown, output: Output, config?: string): number {
  if (!(error instanceof RuntimeError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    output.problem(
      output.json
        ? JSON.stringify({ kind: 'error', code: 'INTERNAL', message: stack })
        : `runtime: unexpected error\n${stack}`,
    );
    return EXIT_UNEXPECTED;
  }
  if (output.json) {
    output.problem(JSON.stringify({ kind: 'error', code: error.code, message: error.message, ...error.details }));
  } else {
    const hint = hintFor(error, config);
    output.problem(`runtime: ${error.message}`);
    if (error.code === 'INTERNAL' && error.cause instanceof Error)
      output.problem(error.cause.stack ?? error.cause.message);
    if (hint !== undefined) output.problem(`  hint: ${hint}`);
  }
  return error.rule.exit;
}

/**
 * Every finding in a CODE_INVALID error. The engine knows files relative to the worker's folder; people and programs get
 * them relative to where they are.
 */
export function codeProblems(error: RuntimeError, source: WorkerSource): readonly CodeProblem[] {
  const problems = error.details?.problems;
  if (!Array.isArray(problems)) return [];
  return (problems as CodeProblem[]).map((problem) => {
    const { file, message } = problem;
    if (source.kind !== 'file' || !message.startsWith(`${file}:`)) return problem;
    const shown = displayPath(resolve(dirname(source.file), file));
    return { ...problem, file: shown, message: shown + message.slice(file.length) };
  });
}

/** `file:line:column: message` of each of them, line by line. */
export function describeCodeProblems(error: RuntimeError, source: WorkerSource): string {
  const problems = codeProblems(error, source);
  return problems.length === 0 ? error.message : problems.map(({ message }) => message).join('\n');
}
