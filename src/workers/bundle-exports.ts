/**
 * Finds in a finished bundle what the worker's own file exports, without running it. It knows the shapes that esbuild
 * writes; where the code decides at run time what it exports, the answer is "not known" and the sandbox judges.
 */
import { childrenOf, isFunction, isNode, keyOf, type Node, nameOf, nodeAt, nodesAt } from './ast.ts';

export interface BundleExports {
  /** Export name → its value where it could be followed to a function or an object, else null. */
  readonly found: ReadonlyMap<string, Node | null>;
  /** False: there may be more than was found. */
  readonly complete: boolean;
  /** What is declared around the exported functions. */
  readonly declared: Declarations;
}

/** Everything that is declared at the top of a body: name → function, initial value or class. */
export type Declarations = ReadonlyMap<string, Node>;

export function declarationsOf(body: readonly Node[]): Declarations {
  const declared = new Map<string, Node>();
  for (const statement of body) {
    const id = nameOf(nodeAt(statement, 'id'));
    if (id !== null) declared.set(id, statement);
    for (const declaration of nodesAt(statement, 'declarations')) {
      const name = nameOf(nodeAt(declaration, 'id'));
      const init = nodeAt(declaration, 'init');
      if (name !== null && init !== null) declared.set(name, unwrapName(init));
    }
    // Lazily run modules assign what they declared: `init_x = __esm({ … })`, `x = function …`.
    const expression = nodeAt(statement, 'expression');
    if (expression?.type === 'AssignmentExpression') {
      const name = nameOf(nodeAt(expression, 'left'));
      const value = nodeAt(expression, 'right');
      if (name !== null && value !== null && !declared.has(name)) declared.set(name, unwrapName(value));
    }
  }
  return declared;
}

/** The statements of the script that script.ts wrapped, or an empty list. */
export function bundleBody(tree: Node): Node[] {
  const call = nodeAt(nodesAt(tree, 'body')[0], 'expression');
  return nodesAt(nodeAt(nodeAt(call, 'callee'), 'body'), 'body');
}

export function findExports(body: readonly Node[]): BundleExports {
  const declared = declarationsOf(body);
  for (const statement of body) {
    const value = moduleExportsValue(statement);
    if (value === null || value.type !== 'CallExpression') continue;
    const callee = nameOf(nodeAt(value, 'callee')) ?? '';
    if (/^__toCommonJS\d*$/.test(callee)) {
      const target = nameOf(nodesAt(value, 'arguments')[0] ?? null);
      return target === null ? UNKNOWN : esmExports(body, declared, target);
    }
    // The file is also imported by another one: its body sits in `__commonJS({ "worker.js"(exports, module) { … } })`.
    const wrapper = declared.get(callee);
    const modules = wrapper === undefined ? undefined : nodesAt(wrapper, 'arguments')[0];
    const first = nodeAt(nodesAt(modules, 'properties')[0], 'value');
    if (isFunction(first)) return commonJsExports(nodesAt(nodeAt(first, 'body'), 'body'), declared);
  }
  return commonJsExports(body, declared);
}

/** What a node stands for: names are followed to their declaration, `__name(f, "f")` to `f`. */
export function follow(node: Node | null, declared: Declarations): Node | null {
  let at = node === null ? null : unwrapName(node);
  for (let steps = 0; steps < 8; steps++) {
    const name = nameOf(at);
    if (name === null) return at;
    at = declared.get(name) ?? null;
  }
  return null;
}

/** A function of that name in an object literal; `undefined`: surely not there, `null`: not known. */
export function propertyOf(object: Node | null, name: string, declared: Declarations): Node | null | undefined {
  if (object?.type !== 'ObjectExpression') return null;
  let unsure = false;
  for (const property of nodesAt(object, 'properties')) {
    if (property.type !== 'Property' || keyOf(property, 'key') === null) unsure = true;
    else if (keyOf(property, 'key') === name) return follow(nodeAt(property, 'value'), declared);
  }
  return unsure ? null : undefined;
}

const UNKNOWN: BundleExports = { found: new Map(), complete: false, declared: new Map() };

function esmExports(body: readonly Node[], declared: Declarations, target: string): BundleExports {
  const found = new Map<string, Node | null>();
  let complete = true;
  for (const statement of body) {
    const call = nodeAt(statement, 'expression');
    if (call?.type !== 'CallExpression') continue;
    const [first, second] = nodesAt(call, 'arguments');
    if (nameOf(first ?? null) !== target) continue;
    const callee = nameOf(nodeAt(call, 'callee')) ?? '';
    // `export * from` a CommonJS module: known only when it runs.
    if (/^__reExport\d*$/.test(callee)) complete = false;
    if (!/^__export\d*$/.test(callee)) continue;
    for (const property of nodesAt(second, 'properties')) {
      const name = keyOf(property, 'key');
      const getter = nodeAt(property, 'value');
      if (name !== null) found.set(name, follow(nodeAt(getter, 'body'), declared));
    }
  }
  return { found, complete, declared };
}

function commonJsExports(body: readonly Node[], outer: Declarations): BundleExports {
  const declared = new Map([...outer, ...declarationsOf(body)]);
  const found = new Map<string, Node | null>();
  let complete = true;
  const queue: Node[] = [...body];
  for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
    if (node.type === 'AssignmentExpression') {
      const left = nodeAt(node, 'left');
      const value = nodeAt(node, 'right');
      const member = left?.type === 'MemberExpression' ? keyOf(left, 'property') : null;
      if (isModuleExports(left)) complete = takeObject(follow(value, declared), declared, found) && complete;
      else if (left !== null && isExportsObject(nodeAt(left, 'object'))) {
        if (member === null) complete = false;
        else found.set(member, follow(value, declared));
      }
    } else if (node.type === 'CallExpression') {
      // `Object.assign(exports, …)`, `__export(exports, …)`, `factory(exports)`.
      if (nodesAt(node, 'arguments').some((argument) => isExportsObject(argument) || nameOf(argument) === 'module'))
        complete = false;
    }
    queue.push(...childrenOf(node));
  }
  return { found, complete, declared };
}

function takeObject(value: Node | null, declared: Declarations, found: Map<string, Node | null>): boolean {
  if (value?.type !== 'ObjectExpression') {
    // `module.exports = function tick(ctx) {}`.
    if (isFunction(value)) found.set('tick', value);
    // `exports = module.exports = { … }` reaches the object by the inner assignment.
    return isFunction(value);
  }
  let complete = true;
  for (const property of nodesAt(value, 'properties')) {
    const name = property.type === 'Property' ? keyOf(property, 'key') : null;
    if (name === null) complete = false;
    else found.set(name, follow(nodeAt(property, 'value'), declared));
  }
  return complete;
}

/** The value of a statement `module.exports = value`. */
function moduleExportsValue(statement: Node): Node | null {
  const expression = nodeAt(statement, 'expression');
  return expression?.type === 'AssignmentExpression' && isModuleExports(nodeAt(expression, 'left'))
    ? nodeAt(expression, 'right')
    : null;
}

function isModuleExports(node: Node | null): boolean {
  if (node?.type !== 'MemberExpression' || keyOf(node, 'property') !== 'exports') return false;
  return /^module\d*$/.test(nameOf(nodeAt(node, 'object')) ?? '');
}

function isExportsObject(node: Node | null): boolean {
  return isModuleExports(node) || /^exports\d*$/.test(nameOf(node) ?? '');
}

function unwrapName(node: Node): Node {
  const callee = node.type === 'CallExpression' ? nameOf(nodeAt(node, 'callee')) : null;
  const argument: unknown = callee !== null && /^__name\d*$/.test(callee) ? nodesAt(node, 'arguments')[0] : null;
  return isNode(argument) ? argument : node;
}
