/**
 * Does `setup` leave something behind outside of `ctx.state`? After the loss of a cell only the module body runs again, so
 * a worker that keeps what `setup` put into its variables must be known. Counted are assignments (=, +=, ++, destructuring,
 * `for (x of …)`) to anything that `setup` does not declare itself: variables of the module, properties of such
 * variables, of `globalThis` and of `this`. Functions of the worker that `setup` calls by name count as part of it.
 */
import { boundNames, childrenOf, fieldOf, isFunction, type Node, nameOf, nodeAt, nodesAt } from './ast.ts';
import type { Declarations } from './bundle-exports.ts';

interface Scope {
  readonly names: ReadonlySet<string>;
  readonly parent: Scope | null;
}

export interface BindsInput {
  readonly setup: Node;
  readonly declared: Declarations;
  /** Is the code at this offset the worker's own, not a package's? Caches inside packages are nobody's loss. */
  readonly isOwn: (offset: number) => boolean;
}

export function setupBindsGlobals({ setup, declared, isOwn }: BindsInput): boolean {
  const seen = new Set<Node>([setup]);
  const queue: Node[] = [setup];
  for (let fn = queue.pop(); fn !== undefined; fn = queue.pop()) {
    const called: string[] = [];
    if (bindsOutside(fn, null, called)) return true;
    for (const name of called) {
      const target = declared.get(name);
      if (target === undefined || seen.has(target) || !isFunction(target) || !isOwn(target.start)) continue;
      seen.add(target);
      queue.push(target);
    }
  }
  return false;
}

/** `called` collects the names of functions from outside that are called. */
function bindsOutside(node: Node, outer: Scope | null, called: string[]): boolean {
  const scope = scopeOf(node, outer);
  if (node.type === 'AssignmentExpression' && escapes(nodeAt(node, 'left'), scope)) return true;
  if (node.type === 'UpdateExpression' && escapes(nodeAt(node, 'argument'), scope)) return true;
  if ((node.type === 'ForOfStatement' || node.type === 'ForInStatement') && escapes(nodeAt(node, 'left'), scope))
    return true;
  if (node.type === 'CallExpression') {
    const name = nameOf(nodeAt(node, 'callee'));
    if (name !== null && !isLocal(name, scope)) called.push(name);
  }
  for (const child of childrenOf(node)) if (bindsOutside(child, scope, called)) return true;
  return false;
}

/** Does assigning to this target change something outside of `setup`? */
function escapes(target: Node | null, scope: Scope | null): boolean {
  if (target === null) return false;
  switch (target.type) {
    case 'Identifier':
      return !isLocal(String(fieldOf(target, 'name')), scope);
    case 'MemberExpression':
      return rootEscapes(target, scope);
    case 'ObjectPattern':
      return nodesAt(target, 'properties').some((property) =>
        escapes(property.type === 'RestElement' ? property : nodeAt(property, 'value'), scope),
      );
    case 'ArrayPattern':
      return nodesAt(target, 'elements').some((element) => escapes(element, scope));
    case 'AssignmentPattern':
      return escapes(nodeAt(target, 'left'), scope);
    case 'RestElement':
      return escapes(nodeAt(target, 'argument'), scope);
    default:
      return false;
  }
}

function rootEscapes(member: Node, scope: Scope | null): boolean {
  let root: Node | null = member;
  while (root?.type === 'MemberExpression') root = nodeAt(root, 'object');
  if (root?.type === 'ThisExpression') return !isLocal('this', scope);
  const name = nameOf(root);
  return name !== null && !isLocal(name, scope);
}

function isLocal(name: string, scope: Scope | null): boolean {
  for (let at = scope; at !== null; at = at.parent) if (at.names.has(name)) return true;
  return false;
}

/** The scope inside of a node: the same one, unless the node opens one. */
function scopeOf(node: Node, outer: Scope | null): Scope | null {
  if (isFunction(node)) {
    const names = new Set(nodesAt(node, 'params').flatMap(boundNames));
    const own = node.type === 'ArrowFunctionExpression' ? null : nameOf(nodeAt(node, 'id'));
    if (own !== null && node.type === 'FunctionExpression') names.add(own);
    if (node.type !== 'ArrowFunctionExpression') names.add('arguments');
    // A function inside of `setup` has a `this` and `arguments` of its own; those of `setup` are the worker's.
    if (node.type !== 'ArrowFunctionExpression' && outer !== null) names.add('this');
    collectVars(nodeAt(node, 'body'), names);
    return { names, parent: outer };
  }
  const names = new Set<string>();
  if (node.type === 'CatchClause') for (const name of boundNames(nodeAt(node, 'param'))) names.add(name);
  if (node.type === 'ClassBody' || node.type === 'StaticBlock') names.add('this');
  if (node.type === 'ClassExpression') for (const name of boundNames(nodeAt(node, 'id'))) names.add(name);
  const declarations = [...nodesAt(node, 'body'), ...nodesAt(node, 'consequent')];
  for (const head of [nodeAt(node, 'init'), nodeAt(node, 'left')]) if (head !== null) declarations.push(head);
  if (node.type === 'SwitchStatement')
    for (const branch of nodesAt(node, 'cases')) declarations.push(...nodesAt(branch, 'consequent'));
  for (const declaration of declarations) for (const name of declaredBy(declaration)) names.add(name);
  return names.size === 0 ? outer : { names, parent: outer };
}

function declaredBy(node: Node): string[] {
  if (node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') return boundNames(nodeAt(node, 'id'));
  if (node.type !== 'VariableDeclaration') return [];
  return nodesAt(node, 'declarations').flatMap((declaration) => boundNames(nodeAt(declaration, 'id')));
}

/** `var` belongs to the whole function, wherever it stands in it. */
function collectVars(node: Node | null, names: Set<string>): void {
  if (node === null || isFunction(node)) return;
  if (node.type === 'VariableDeclaration' && fieldOf(node, 'kind') === 'var')
    for (const name of declaredBy(node)) names.add(name);
  for (const child of childrenOf(node)) collectVars(child, names);
}
