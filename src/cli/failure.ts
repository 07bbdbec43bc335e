/** How a command that fails says so: one message and a hint for what is expected, a stack for what is not. */
import { RuntimeError } from '../core/errors.ts';
import type { CodeProblem } from '../workers/definition.ts';
import type { Output } from './output.ts';

/** Exit code of a wrong command line, as the table gives it to a wrong configuration. */
export const EXIT_USAGE = 2;
const EXIT_UNEXPECTED = 1;

/** What helps where the message itself cannot say it. */
const HINTS: Partial<Record<RuntimeError['code'], string>> = {
  CONFIG_INVALID: 'check again with: runtime config check',
  DATA_LOCKED: 'end the other one first, or name another folder under data in the configuration',
};

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
    const hint = HINTS[error.code];
    output.problem(`runtime: ${error.message}`);
    if (error.code === 'INTERNAL' && error.cause instanceof Error)
      output.problem(error.cause.stack ?? error.cause.message);
    if (hint !== undefined) output.problem(`  hint: ${hint}`);
  }
  return error.rule.exit;
}

/** `file:line:column: message` of every finding in a CODE_INVALID error. */
export function describeCodeProblems(error: RuntimeError): string {
  const problems = error.details?.problems;
  if (!Array.isArray(problems) || problems.length === 0) return error.message;
  return (problems as CodeProblem[]).map((problem) => problem.message).join('\n');
}
