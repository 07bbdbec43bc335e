/** Findings about a worker's code, collected in the order in which a person meets them. */
import { RuntimeError } from '../core/errors.ts';
import type { CodeProblem } from './definition.ts';

/** More findings than this help nobody. */
const PROBLEMS_MAX = 20;
const MESSAGE_CHARS_MAX = 1_000;

/** `line` and `column` count from 1, in UTF-16 units as editors and stack traces do. */
export function codeProblem(file: string, line: number, column: number, text: string): CodeProblem {
  const message = `${file}:${line}:${column}: ${text}`.slice(0, MESSAGE_CHARS_MAX);
  return { file, line, column, message };
}

/** The error that keeps a worker from being deployed; its message begins with `file:line:column: `. */
export function codeInvalid(problems: readonly CodeProblem[]): RuntimeError {
  const shown = problems.slice(0, PROBLEMS_MAX);
  const message = shown.map((problem) => problem.message).join('\n');
  return new RuntimeError('CODE_INVALID', message, { details: { problems: shown } });
}

/** Shorthand for the one-problem case, which is nearly all of them. */
export function invalidAt(file: string, line: number, column: number, text: string): RuntimeError {
  return codeInvalid([codeProblem(file, line, column, text)]);
}

/** Line and column (both from 1) of an offset in a text. */
export function positionAt(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let next = text.indexOf('\n'); next !== -1 && next < offset; next = text.indexOf('\n', start)) {
    line += 1;
    start = next + 1;
  }
  return { line, column: offset - start + 1 };
}
