/** What a module of a worker may be, and what is done to its text before esbuild sees it. */
import type { PartialMessage } from 'esbuild';
import { RuntimeError } from '../core/errors.ts';
import { nestingProblem } from './nesting.ts';
import { invalidAt } from './problems.ts';

export type ModuleLoader = 'js' | 'ts' | 'json' | 'text';

const LOADERS: Readonly<Record<string, ModuleLoader>> = {
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.json': 'json',
  '.txt': 'text',
  '.md': 'text',
  '.csv': 'text',
  '.tsv': 'text',
  '.sql': 'text',
  '.html': 'text',
  '.xml': 'text',
  '.yaml': 'text',
  '.yml': 'text',
  '.graphql': 'text',
};

/** Extensions that an import may leave out, in the order in which they are tried. */
export const EXTENSIONS = ['.ts', '.mts', '.js', '.mjs', '.cjs', '.cts', '.json'];

/** By import attribute (`with { type: 'text' }`), else by extension; null for what cannot be part of a worker. */
export function loaderOf(path: string, attributes: Readonly<Record<string, string>>): ModuleLoader | null {
  if (attributes['type'] === 'text') return 'text';
  if (attributes['type'] === 'json') return 'json';
  return LOADERS[/\.[a-z]+$/i.exec(path)?.[0].toLowerCase() ?? ''] ?? null;
}

export function isScheme(specifier: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(specifier);
}

/** Throws CODE_INVALID for a text that would crash the compiler. */
export function prepareModule(text: string, shown: string, loader: ModuleLoader): string {
  if (loader === 'text') return text;
  const deep = nestingProblem(text);
  if (deep !== null) throw invalidAt(shown, deep.line, deep.column, 'the code is nested too deeply here');
  if (loader === 'json') return text;
  // SECURITY: esbuild reads the source map that a comment names, from anywhere on the host. The last comment wins, and this
  // one names nothing (compile-escape.test.ts).
  return `${text}\n//# sourceMappingURL=none:`;
}

/** A failure inside of a plugin; `detail` keeps the place that it already knows. */
export function messageOf(error: unknown): PartialMessage {
  if (error instanceof RuntimeError) return { text: error.message, detail: error.details?.['problems'] };
  return { text: error instanceof Error ? error.message : String(error) };
}
