/**
 * Turns a stack as V8 printed it in a sandbox into one that names the worker's own files. The text comes from the guest and
 * may be anything: it is cut first, read line by line with patterns that cannot backtrack far, and a frame is kept only if it
 * lies in the worker's bundle (or in no file at all), so that no path of the host and none of our own code is ever shown.
 */
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import { ERROR_MESSAGE_CHARS_MAX, ERROR_STACK_CHARS_MAX } from '../core/limits.ts';
import { WORKER_SCRIPT } from './script.ts';

export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Positions in a bundle (both numbers from 1) → positions in the sources; null for code that we added. */
export type FindPosition = (line: number, column: number) => Position | null;

const LINES_MAX = 200;
const FRAME_CHARS_MAX = 500;
const POSITION = new RegExp(`${WORKER_SCRIPT}:(\\d{1,7})(?::(\\d{1,7}))?`, 'g');
const FRAME = /^\s+at\s/;
const FILE_OF_FRAME = /^\s+at (?:async )?(?:[^()]+ \()?(.+):\d{1,7}:\d{1,7}\)?$/;
/** Frames without a file: built-in functions. */
const BUILT_IN = /\((?:<anonymous>|native|index \d+)\)$/;

export interface Positions {
  readonly find: FindPosition;
  /** Is this one of the worker's files, as {@link Position} names them? */
  readonly isOwn: (file: string) => boolean;
}

/** `map`: source map as JSON. It is parsed when the first position is asked for: most workers never throw. */
export function createPositions(map: string): Positions {
  let parsed: { trace: TraceMap; files: ReadonlySet<string | null> } | null = null;
  const parse = (): NonNullable<typeof parsed> => {
    const trace = new TraceMap(map);
    parsed = { trace, files: new Set(trace.resolvedSources) };
    return parsed;
  };
  return {
    find(line, column) {
      const { trace } = parsed ?? parse();
      if (line < 1 || column < 1) return null;
      const found = originalPositionFor(trace, { line, column: column - 1 });
      return found.source === null ? null : { file: found.source, line: found.line, column: found.column + 1 };
    },
    isOwn: (file) => (parsed ?? parse()).files.has(file),
  };
}

export function createStackMapper({ find, isOwn }: Positions): (stack: string) => string {
  return (stack) => {
    const lines: string[] = [];
    for (const line of readLines(stack)) {
      const kept = FRAME.test(line) ? mapFrame(line, find, isOwn) : mapPositions(line, find).text;
      if (kept !== null) lines.push(kept);
    }
    return join(lines);
  };
}

/** A Python traceback names the worker's files already; it is only made safe to show. */
export function cleanStack(stack: string): string {
  return join(readLines(stack));
}

function mapFrame(line: string, find: FindPosition, isOwn: (file: string) => boolean): string | null {
  if (line.length > FRAME_CHARS_MAX) return null;
  // The sandbox runs the bundle by `eval`, which is no function that the user called.
  if (line.trim() === 'at eval (<anonymous>)') return null;
  if (BUILT_IN.test(line)) return line;
  // An `on_error` that throws what it was given: its stack was mapped before.
  const file = FILE_OF_FRAME.exec(line)?.[1];
  if (file !== undefined && isOwn(file)) return line;
  const { text, all } = mapPositions(line, find);
  if (!all) return null;
  const end = line.endsWith(')') ? line.length - 1 : line.length;
  const last = line.slice(Math.max(line.lastIndexOf('('), line.lastIndexOf(' ')) + 1, end);
  // Either the frame itself lies in the bundle, or it is code that the worker gave to `eval` or `new Function`.
  const inBundle = last.startsWith(`${WORKER_SCRIPT}:`);
  const evaluated = /^<anonymous>:\d{1,7}:\d{1,7}$/.test(last) && line.includes('(eval at ');
  if (inBundle) return text.replace(/^(\s+at )eval \((.*)\)$/, '$1$2');
  return evaluated ? text : null;
}

/** `all`: there was a position, and each of them is in the worker's sources. */
function mapPositions(line: string, find: FindPosition): { text: string; all: boolean } {
  let all = line.includes(`${WORKER_SCRIPT}:`);
  const text = line.replace(POSITION, (_, row: string, column: string | undefined) => {
    const found = find(Number(row), Number(column ?? 1));
    if (found === null) all = false;
    if (found === null) return 'worker';
    return column === undefined ? `${found.file}:${found.line}` : `${found.file}:${found.line}:${found.column}`;
  });
  return { text, all };
}

function readLines(stack: string): string[] {
  return stack
    .slice(0, ERROR_STACK_CHARS_MAX * 2)
    .toWellFormed()
    .split(/\r\n|[\n\r\u2028\u2029]/, LINES_MAX)
    .map((line) => line.slice(0, ERROR_MESSAGE_CHARS_MAX).replace(/[^\P{C}\t]/gu, '\ufffd'));
}

function join(lines: readonly string[]): string {
  const text = lines.join('\n');
  return text.length > ERROR_STACK_CHARS_MAX ? `${text.slice(0, ERROR_STACK_CHARS_MAX - 1)}…` : text;
}
