/** Walking an acorn tree without knowing every node type: children are whatever looks like a node. */
import { type Node, type Options, parse } from 'acorn';

export type { Node } from 'acorn';

type Fields = Readonly<Record<string, unknown>>;

/** A module, else a script; null where neither parses (esbuild says why, and better). */
export function parseTolerant(code: string, sourceTypes: readonly ('module' | 'script')[]): Node | null {
  for (const sourceType of sourceTypes) {
    const options: Options = { ecmaVersion: 'latest', sourceType, allowHashBang: true };
    try {
      return parse(code, options);
    } catch (error) {
      // Too deep for the stack is no crash: it is thrown, and nothing else would be different as a script.
      if (error instanceof RangeError) return null;
    }
  }
  return null;
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

export function fieldOf(node: Node | null | undefined, name: string): unknown {
  return node === null || node === undefined ? undefined : (node as unknown as Fields)[name];
}

export function nodeAt(node: Node | null | undefined, name: string): Node | null {
  const value = fieldOf(node, name);
  return isNode(value) ? value : null;
}

export function nodesAt(node: Node | null | undefined, name: string): Node[] {
  const value = fieldOf(node, name);
  return Array.isArray(value) ? value.filter(isNode) : [];
}

export function childrenOf(node: Node): Node[] {
  const children: Node[] = [];
  for (const value of Object.values(node)) {
    if (isNode(value)) children.push(value);
    else if (Array.isArray(value)) for (const item of value) if (isNode(item)) children.push(item);
  }
  return children;
}

/** The name of an identifier, or null. */
export function nameOf(node: Node | null): string | null {
  return node?.type === 'Identifier' ? String(fieldOf(node, 'name')) : null;
}

/** Name of a property or member that is written out: `a`, `'a'`, `[‘a’]`; null where it is computed. */
export function keyOf(node: Node, name: 'key' | 'property'): string | null {
  const key = nodeAt(node, name);
  if (key?.type === 'Literal') return String(fieldOf(key, 'value'));
  return fieldOf(node, 'computed') === true ? null : nameOf(key);
}

export interface FunctionNode extends Node {
  type: 'FunctionDeclaration' | 'FunctionExpression' | 'ArrowFunctionExpression';
}

export function isFunction(node: Node | null | undefined): node is FunctionNode {
  return (
    node !== null &&
    node !== undefined &&
    (node.type === 'FunctionDeclaration' ||
      node.type === 'FunctionExpression' ||
      node.type === 'ArrowFunctionExpression')
  );
}

/** Every name that a pattern binds: `{ a, b: [c], ...d } = …`. */
export function boundNames(pattern: Node | null): string[] {
  if (pattern === null) return [];
  switch (pattern.type) {
    case 'Identifier':
      return [String(fieldOf(pattern, 'name'))];
    case 'ObjectPattern':
      return nodesAt(pattern, 'properties').flatMap((property) =>
        boundNames(property.type === 'RestElement' ? property : nodeAt(property, 'value')),
      );
    case 'ArrayPattern':
      return nodesAt(pattern, 'elements').flatMap(boundNames);
    case 'AssignmentPattern':
      return boundNames(nodeAt(pattern, 'left'));
    case 'RestElement':
      return boundNames(nodeAt(pattern, 'argument'));
    default:
      return [];
  }
}
