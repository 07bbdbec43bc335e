/**
 * How the worker's own file offers its functions. People write `export function tick`, `module.exports = { tick }`, or, from
 * habit, just `function tick(ctx) {}`: the last kind gets its exports from us.
 */
import { boundNames, childrenOf, fieldOf, type Node, nameOf, nodeAt, nodesAt, parseTolerant } from './ast.ts';
import { withCompiler } from './esbuild-service.ts';
import { WORKER_FUNCTIONS } from './script.ts';

export type EntryShape =
  | { readonly kind: 'module' }
  | { readonly kind: 'commonjs' }
  /** Nothing is exported; `functions` are the worker functions found at the top level. */
  | { readonly kind: 'plain'; readonly functions: readonly string[] }
  /** It does not parse here; esbuild will say more. */
  | { readonly kind: 'unknown' };

/** `text` has passed the checks of {@link import('./modules.ts').prepareModule}. Never throws for what is in it. */
export async function findEntryShape(text: string, loader: 'js' | 'ts'): Promise<EntryShape> {
  let tree = loader === 'js' ? parseTolerant(text, ['module', 'script']) : null;
  if (tree === null) {
    const plain = await withoutTypes(text, loader);
    tree = plain === null ? null : parseTolerant(plain, ['module', 'script']);
  }
  if (tree === null) return { kind: 'unknown' };
  const body = nodesAt(tree, 'body');
  if (body.some(isExport)) return { kind: 'module' };
  if (usesCommonJs(tree)) return { kind: 'commonjs' };
  const declared = new Set(body.flatMap(declaredNames));
  return { kind: 'plain', functions: WORKER_FUNCTIONS.filter((name) => declared.has(name)) };
}

/** The exports of a plain script, to be put after its last line so that no line moves. */
export function exportsFor(functions: readonly string[]): string {
  return `\nexport { ${functions.join(', ')} };`;
}

async function withoutTypes(text: string, loader: 'js' | 'ts'): Promise<string | null> {
  try {
    const options = { loader, target: 'node26', tsconfigRaw: '{}', logLevel: 'silent' } as const;
    return (await withCompiler((compiler) => compiler.transform(text, options))).code;
  } catch {
    return null;
  }
}

function isExport(node: Node): boolean {
  return node.type.startsWith('Export');
}

/** `module.exports`, `exports.x`, `Object.assign(exports, …)`: any use of either name, unless the file declares it. */
function usesCommonJs(tree: Node): boolean {
  const own = new Set(nodesAt(tree, 'body').flatMap(declaredNames));
  const queue: Node[] = [tree];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    const object = node.type === 'MemberExpression' ? nodeAt(node, 'object') : null;
    const name = nameOf(object);
    if (name === 'exports' && !own.has(name)) return true;
    if (name === 'module' && !own.has(name) && fieldOf(nodeAt(node, 'property'), 'name') === 'exports') return true;
    queue.push(...childrenOf(node));
  }
  return false;
}

function declaredNames(node: Node): string[] {
  if (node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') return boundNames(nodeAt(node, 'id'));
  if (node.type === 'VariableDeclaration')
    return nodesAt(node, 'declarations').flatMap((declaration) => boundNames(nodeAt(declaration, 'id')));
  return [];
}
