/**
 * A Python worker is not parsed here; the interpreter in the sandbox judges it. Only what is certain without one is said
 * here, early and with a line: text that is no text, and a file in which no `tick` can come to be.
 */
import { invalidAt } from './problems.ts';

/** Ways in which a function may get its name without the name being written in the code. */
const INDIRECT = /\bimport\s*\*|\b(?:exec|globals|locals|vars|setattr|__import__|import_module|eval)\b/;
/** Letters that Python folds into ASCII ones (NFKC): then the text does not show the names as they are. */
const FOLDED = /(?!\p{ASCII})[\p{L}\p{N}]/u;

/** Throws CODE_INVALID when the worker surely has no `tick`. */
export function checkPythonEntry(entry: string, text: string): void {
  const code = withoutStrings(text);
  if (/\btick\b/.test(code) || INDIRECT.test(code) || FOLDED.test(code)) return;
  throw invalidAt(entry, 1, 1, 'the worker has no function "tick"; add one: def tick(ctx): …');
}

/**
 * The code with strings and comments taken out. An f-string may hold code, so what is inside of one stays: too much code
 * only makes the check more careful.
 */
function withoutStrings(text: string): string {
  const kept: string[] = [];
  let at = 0;
  let from = 0;
  while (at < text.length) {
    const char = text[at];
    if (char !== '#' && char !== '"' && char !== "'") {
      at += 1;
      continue;
    }
    const end = char === '#' ? endOfLine(text, at) : endOfString(text, at, char);
    const prefix = /[A-Za-z]{0,2}$/.exec(text.slice(Math.max(0, at - 2), at))?.[0].toLowerCase() ?? '';
    const formatted = char !== '#' && (prefix.includes('f') || prefix.includes('t'));
    kept.push(text.slice(from, formatted ? end : at), ' ');
    at = end;
    from = end;
  }
  kept.push(text.slice(from));
  return kept.join('');
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

function endOfString(text: string, from: number, quote: string): number {
  const triple = text.startsWith(quote.repeat(3), from);
  const close = triple ? quote.repeat(3) : quote;
  for (let at = from + close.length; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text.startsWith(close, at)) return at + close.length;
    else if (text[at] === '\n' && !triple) return at;
  }
  return text.length;
}
