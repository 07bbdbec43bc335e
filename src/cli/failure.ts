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
function hintFor(error: RuntimeError): string | undefined {
  if (error.code === 'CONFIG_INVALID' && error.details?.problems !== undefined)
    return 'check again with: runtime config check';
  if (error.code === 'DATA_LOCKED') return 'end the other one, or name another folder under data in the configuration';
  return undefined;
}

/** Prints a failure and returns the exit code. */
export function reportFailure(error: unknown, output: Output): number {
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
    const hint = hintFor(error);
    output.problem(`runtime: ${error.message}`);
    if (error.code === 'INTERNAL' && error.cause instanceof Error)
      output.problem(error.cause.stack ?? error.cause.message);
    if (hint !== undefined) output.problem(`  hint: ${hint}`);
  }
  return error.rule.exit;
}

/**
 * `file:line:column: message` of every finding in a CODE_INVALID error. The compiler knows files relative to the worker's
 * folder; people get them relative to where they are.
 */
export function describeCodeProblems(error: RuntimeError, source: WorkerSource): string {
  const problems = error.details?.problems;
  if (!Array.isArray(problems) || problems.length === 0) return error.message;
  return (problems as CodeProblem[])
    .map(({ file, message }) => {
      if (source.kind !== 'file' || !message.startsWith(`${file}:`)) return message;
      return displayPath(resolve(dirname(source.file), file)) + message.slice(file.length);
    })
    .join('\n');
}
