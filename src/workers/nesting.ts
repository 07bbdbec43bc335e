/**
 * esbuild's parser recurses on a stack of 1 GB; a megabyte of `!` or `(` ends its process. This scan refuses such texts in
 * milliseconds, in one pass. It is an estimate that knows little grammar: it never refuses what a person writes, and what
 * slips through costs a restart of the service (esbuild-service.ts) and nothing more.
 */
import { positionAt } from './problems.ts';

/** Brackets inside brackets. V8's own parser gives up at a few thousand. */
const DEPTH_MAX = 1_000;
/** Tokens of one statement or element: `!!!!…`, `a=>a=>a=>…`, `a.b.c.d…`. */
const RUN_MAX = 20_000;

/** Words after which a statement goes on in the next line. */
const OPEN_WORDS = new Set(['new', 'typeof', 'void', 'delete', 'await', 'yield', 'return', 'else', 'do', 'in', 'of']);

/** Words that begin a statement in any place where they may begin a line. */
const STATEMENT_WORDS = new Set([
  'const',
  'let',
  'var',
  'export',
  'import',
  'throw',
  'try',
  'type',
  'interface',
  'enum',
]);

const WORD = /[\p{L}\p{N}_$@#]+/uy;

/** Where a text is nested too deeply to be parsed safely, or null. */
export function nestingProblem(text: string): { line: number; column: number } | null {
  /** Depths at which a `${` was opened: their `}` leads back into the template. */
  const templates: number[] = [];
  let depth = 0;
  let run = 0;
  let last = '';
  let newline = false;
  let at = 0;
  while (at < text.length) {
    const char = text[at] as string;
    if (char === '\n') newline = true;
    if (/\s/.test(char)) {
      at += 1;
      continue;
    }
    if (char === '/' && (text[at + 1] === '/' || text[at + 1] === '*')) {
      at = afterComment(text, at);
      continue;
    }
    const start = at;
    WORD.lastIndex = at;
    const word = WORD.exec(text)?.[0];
    if (newline && word !== undefined && (endsStatement(last) || STATEMENT_WORDS.has(word))) run = 0;
    newline = false;
    run += 1;
    last = word ?? char;
    at += word?.length ?? 1;
    if (char === '"' || char === "'") at = afterString(text, at, char);
    else if (char === '(' || char === '[' || char === '{') depth += 1;
    else if (char === ')' || char === ']') depth = Math.max(0, depth - 1);
    const resumes = char === '}' && templates.at(-1) === depth;
    if (char === '}') depth = Math.max(0, depth - 1);
    if (resumes) templates.pop();
    if (resumes || char === '`') {
      at = afterTemplateText(text, at);
      if (text[at - 1] === '{') templates.push(++depth);
    }
    if (char === ';' || char === ',' || char === '{' || char === '}') run = resumes ? run : 0;
    if (depth > DEPTH_MAX || run > RUN_MAX) return positionAt(text, start);
  }
  return null;
}

function endsStatement(piece: string): boolean {
  return /[\p{L}\p{N}_$'"`\]]$/u.test(piece) && !OPEN_WORDS.has(piece);
}

function afterComment(text: string, at: number): number {
  const line = text[at + 1] === '/';
  const end = text.indexOf(line ? '\n' : '*/', at + 2);
  if (end === -1) return text.length;
  return line ? end : end + 2;
}

/** A string ends at its quote or, where it is none (a quote in a regular expression), at the end of the line. */
function afterString(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === quote) return at + 1;
    else if (text[at] === '\n') return at;
  }
  return text.length;
}

/** Behind the closing backtick, or behind the next `${`. */
function afterTemplateText(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '`') return at + 1;
    else if (text[at] === '$' && text[at + 1] === '{') return at + 2;
  }
  return text.length;
}
