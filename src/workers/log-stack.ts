/**
 * Turns what V8 printed of a stack inside a log line into the worker's own files. Unlike stack.ts it may meet anything around
 * the stack (a message, JSON, prose), so it changes only what is surely a position in the bundle or a frame of our own code.
 * SECURITY: the guest writes a thousand lines in ten seconds and may forge each of them. All work is bounded per line, and
 * nothing but the names of the worker's own files is ever put in.
 */
import { LOG_LINE_CHARS_MAX } from '../core/limits.ts';
import { WORKER_SCRIPT } from './script.ts';
import type { FindPosition } from './stack.ts';

export interface LogMapper {
  mapLogText(text: string): string;
  mapLogFields(json: string): string;
}

/** Name of the prelude in stacks. */
const PRELUDE = 'prelude:';
/** Positions that are looked up in one line, and the characters that their files may add to it. */
const POSITIONS_MAX = 200;
const GROWTH_CHARS_MAX = 4_096;
/** A line that its guest has cut is a little longer than the limit. Longer ones come only from a guest that has broken out. */
const CHARS_MAX = LOG_LINE_CHARS_MAX + 256;

/** Ends of lines; in the text of an object, which is JSON, they are escaped. */
const LINE_END = /(\r\n|[\n\r\u2028\u2029]|\\{1,8}n)/;
/** A position at which the line was cut is none. */
const POSITION = new RegExp(`(?<!\\w)${WORKER_SCRIPT}:(\\d{1,7})(?::(\\d{1,7}))?(?![\\d…])`, 'g');
/** What may follow a frame: the end of its line, or of what it was put into. */
const TEXT_AFTER = '(?=$|[\\s"\'`\\\\,;\\])}])';
/** One frame: its start, its function, `file:`, line, column, `)`. */
const FRAME = new RegExp(
  `^(\\s{1,16}at )(?:([^()]{1,300}) \\()?(${WORKER_SCRIPT}:|${PRELUDE})(\\d{1,7}):(\\d{1,7})\\)?${TEXT_AFTER}`,
);
const EVAL_CALL = new RegExp(`^(\\s{1,16}at )eval \\((${WORKER_SCRIPT}:\\d{1,7}:\\d{1,7})\\)`);
/** The sandbox runs the bundle by `eval`, which is no function that the user called. */
const EVAL_FRAME = new RegExp(`^\\s{1,16}at eval \\(<anonymous>\\)${TEXT_AFTER}`);
/** A string of JSON, and whether it is a key. */
const JSON_STRING = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g;

const mayName = (text: string): boolean => text.includes(WORKER_SCRIPT) || text.includes(PRELUDE);
const isMapped = (text: string): boolean => text.length <= CHARS_MAX && mayName(text);

export function createLogMapper(find: FindPosition): LogMapper {
  return {
    mapLogText: (text) => (isMapped(text) ? new Line(find).map(text) : text),
    mapLogFields(json) {
      if (!isMapped(json) || !isJson(json)) return json;
      const line = new Line(find);
      return json.replace(JSON_STRING, (string, colon: string | undefined) =>
        colon === undefined && mayName(string) ? JSON.stringify(line.map(JSON.parse(string) as string)) : string,
      );
    },
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** One log line and what may still be done for it. */
class Line {
  readonly #find: FindPosition;
  #lookups = 0;
  #growth = 0;

  constructor(find: FindPosition) {
    this.#find = find;
  }

  map(text: string): string {
    const pieces = text.split(LINE_END);
    if (pieces.length === 1) return this.#mapPiece(text);
    let mapped: string | null = null;
    // Line, end, line, end, …, line.
    for (let i = 0; i < pieces.length; i += 2) {
      const piece = pieces[i] as string;
      const rest = this.#afterOurs(piece);
      if (rest !== null) {
        if (rest !== '') mapped = (mapped ?? '') + rest;
      } else mapped = (mapped === null ? '' : mapped + (pieces[i - 1] as string)) + this.#mapPiece(piece);
    }
    return mapped ?? text;
  }

  /** What follows a frame of our own code; null when the piece is none. */
  #afterOurs(piece: string): string | null {
    const ours = EVAL_FRAME.exec(piece);
    if (ours !== null) return piece.slice(ours[0].length);
    const frame = FRAME.exec(piece);
    if (frame === null) return null;
    const [all, , , file, line, column] = frame;
    if (file !== PRELUDE && this.#look(Number(line), Number(column)) !== null) return null;
    if (file !== PRELUDE && this.#lookups > POSITIONS_MAX) return null;
    return piece.slice(all.length);
  }

  #mapPiece(piece: string): string {
    if (!piece.includes(WORKER_SCRIPT)) return piece;
    return piece
      .replace(EVAL_CALL, '$1$2')
      .replace(POSITION, (position: string, line: string, column: string | undefined) => {
        const found = this.#look(Number(line), Number(column ?? 1));
        if (found === null) return position;
        const own = `${found.file}:${found.line}${column === undefined ? '' : `:${found.column}`}`;
        if (this.#growth + own.length - position.length > GROWTH_CHARS_MAX) return position;
        this.#growth += Math.max(0, own.length - position.length);
        return own;
      });
  }

  #look(line: number, column: number): ReturnType<FindPosition> {
    return ++this.#lookups > POSITIONS_MAX ? null : this.#find(line, column);
  }
}
