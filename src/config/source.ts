/** The text of a configuration file with the places of its keys and values. JSON is read as the YAML it is. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import { type ConfigProblem, formatPath } from './problems.ts';

export type Path = readonly PropertyKey[];

export interface ConfigSource {
  /** As it is shown to people. */
  readonly file: string;
  readonly text: string;
  readonly document: Document;
  /** Of the YAML itself: syntax, duplicate keys, unknown tags. */
  readonly problems: readonly ConfigProblem[];
  /** False: the text is not YAML, so nothing else can be said about it. */
  readonly readable: boolean;
  /** The value at a path; undefined where the file has none. */
  node(path: Path): Node | undefined;
  /** A problem at the key or the value of a path, or at the nearest parent that the file has. */
  problemAt(path: Path, message: string, place?: 'key' | 'value'): ConfigProblem;
  problemAtOffset(offset: number, path: Path, message: string): ConfigProblem;
}

export function parseSource(text: string, file: string): ConfigSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true });

  const problemAtOffset = (offset: number, path: Path, message: string): ConfigProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col), path: formatPath(path), message };
  };
  const aliases: ConfigProblem[] = [];
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      const message = `nothing is named &${alias.source}; text that begins with * goes in quotes`;
      aliases.push(problemAtOffset(alias.range?.[0] ?? 0, [], message));
    },
  });
  const follow = (path: Path) => followPath(document, path);
  const syntax = document.errors.find((error) => error.code !== 'DUPLICATE_KEY');
  const duplicates = document.errors.filter((error) => error.code === 'DUPLICATE_KEY');
  // One syntax error makes the parser find many behind it: only the first one helps.
  const findings = syntax === undefined ? [...duplicates, ...document.warnings] : [...duplicates, syntax];
  return {
    file,
    text,
    document,
    readable: syntax === undefined && aliases.length === 0,
    problems: [
      ...aliases,
      ...findings.map((error) =>
        problemAtOffset(error.pos[0], [], yamlMessage(error.code, error.message, text, error.pos[0])),
      ),
    ],
    node: (path) => follow(path).node,
    problemAt(path, message, place = 'value') {
      const found = follow(path);
      const offset = place === 'key' ? (found.keyOffset ?? found.offset) : found.offset;
      return problemAtOffset(offset, path, message);
    },
    problemAtOffset,
  };
}

interface Found {
  /** Undefined when the path ends earlier in the file. */
  readonly node: Node | undefined;
  readonly keyOffset: number | undefined;
  /** Of the value, or of the nearest parent. */
  readonly offset: number;
}

function followPath(document: Document, path: Path): Found {
  let node: Node | undefined = document.contents ?? undefined;
  let offset = node?.range?.[0] ?? 0;
  let keyOffset: number | undefined;
  for (const step of path) {
    const target: unknown = isAlias(node) ? node.resolve(document) : node;
    let next: unknown;
    if (isMap(target)) {
      const pair = target.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (isScalar(pair?.key)) keyOffset = pair.key.range?.[0];
      next = pair?.value ?? pair?.key;
    } else if (isSeq(target) && typeof step === 'number') {
      next = target.items[step];
      keyOffset = undefined;
    }
    if (!isNode(next)) return { node: undefined, keyOffset: undefined, offset };
    node = next;
    offset = node.range?.[0] ?? offset;
  }
  return { node, keyOffset, offset };
}

function yamlMessage(code: string, message: string, text: string, offset: number): string {
  switch (code) {
    case 'DUPLICATE_KEY': {
      const key = /^["']?([\w$.-]+)/.exec(text.slice(offset, offset + 80))?.[1];
      return key === undefined ? 'this key stands here twice; keep one' : `the key ${key} stands here twice; keep one`;
    }
    case 'TAB_AS_INDENT':
      return 'indent with spaces, YAML does not allow tabs';
    case 'MULTIPLE_DOCS':
      return 'the file holds several documents; remove the line ---';
    case 'TAG_RESOLVE_FAILED':
      return `${message}; tags are not supported, remove it`;
    default: {
      const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
      return /\$\{?$/.test(line)
        ? `${message}; inside { } and [ ] write references in quotes: "\${env:NAME}"`
        : message;
    }
  }
}
