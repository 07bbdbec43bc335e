/** Where in a worker's own files its code failed while it was loaded. Pure; the stack was mapped before. */
import type { GuestError } from '../../sandbox/protocol.ts';
import type { CodeProblem } from '../workers/definition.ts';

/** Python: the last frame is where it happened; a SyntaxError has a column. */
const PYTHON_PLACE = /^ *File "([^"\n]{1,500})", line (\d{1,9})(?:, column (\d{1,9}))?/gm;
/** JavaScript: the first frame that has a file. */
const JAVASCRIPT_PLACE = /^\s+at (?:[^\n]{0,400}\()?([^\s()<>][^\n()<>]{0,400}?):(\d{1,9}):(\d{1,9})\)?$/m;

const MESSAGE_CHARS_MAX = 1_000;

/** A place at `entry` where the stack names none. */
export function loadProblem(error: GuestError, entry: string): CodeProblem {
  const place = [...error.stack.matchAll(PYTHON_PLACE)].at(-1) ?? JAVASCRIPT_PLACE.exec(error.stack);
  const [, file = entry, line = '1', column = '1'] = place ?? [];
  return problemAt(file, Number(line), Number(column), headOf(error));
}

/** For a loss that no stack tells of. */
export function lossProblem(reason: string, entry: string): CodeProblem {
  return problemAt(entry, 1, 1, `loading the code took its process down: ${reason}.`);
}

function problemAt(file: string, line: number, column: number, text: string): CodeProblem {
  return { file, line, column, message: `${file}:${line}:${column}: ${text}`.slice(0, MESSAGE_CHARS_MAX) };
}

/** For one line: the exception first, with its place; then the stack. */
export function loadReason(error: GuestError, described: string): string {
  if (!described.startsWith('Traceback ')) return described;
  const { file, line } = loadProblem(error, '');
  const where = file === '' ? '' : ` (${file}, line ${line})`;
  return `${headOf(error)}${where}\n${described}`;
}

/** Name and message in one line. Python says a SyntaxError's place in its message too: once is enough. */
export function headOf({ name, message }: GuestError): string {
  const first = message.split('\n', 1)[0] ?? '';
  const text = name.endsWith('Error') ? first.replace(/ \([^()]{1,300}, line \d{1,9}\)$/, '') : first;
  return text === '' ? name : `${name}: ${text}`;
}
