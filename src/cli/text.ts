/** Small pieces of text for people, and what must not reach their terminal. */

/** Control characters other than tab and newline, and marks that reorder text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** SECURITY: a worker's text must not drive the terminal of the person who reads it (test/unit/cli-text.test.ts). */
export function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\x${code.toString(16).padStart(2, '0')}`;
  });
}

/** A key of a state in a line of its own: as it is where nobody could take it for something else, else as JSON. */
export function keyLabel(key: string): string {
  return /^[^\s"\p{Cc}]+$/u.test(key) ? printable(key) : printable(JSON.stringify(key));
}

/** The JSON of a value in one line. Line ends in it are between its parts. */
export function valueLabel(json: string): string {
  return printable(json.replaceAll(/[\r\n]+\s*/g, ' '));
}

/** Cuts a text at a length and says so. */
export function shorten(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : `${text.slice(0, charactersMax - 1)}…`;
}

/** `3.1 ms`, `250 ms`, `2.5 s`. */
export function milliseconds(ms: number): string {
  if (ms >= 10_000) return `${Math.round(ms / 1000)} s`;
  if (ms >= 1_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

/** `14:03:09.120`, local time. */
export function clockTime(unixMs: number): string {
  const date = new Date(unixMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** A worker's id as people write it: without the workspace `default`. */
export function workerLabel(id: string): string {
  return id.startsWith('default/') ? id.slice('default/'.length) : id;
}

/** `1 worker`, `3 workers`. */
export function countOf(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}
