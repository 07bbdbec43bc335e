/**
 * The programs that vm2's tests give to its sandboxes, taken out of the tests' text without running it: what is handed to `vm.run` and
 * the like, straight or through a helper of the file, and every other text that is JavaScript by its look.
 */
import { parse } from 'acorn';
import { childrenOf, fieldOf, keyOf, type Node, nameOf, nodeAt, nodesAt } from '../../../src/workers/ast.ts';

export interface ExtractedPrograms {
  readonly programs: readonly string[];
  /** Names that the tests hand to their sandboxes. */
  readonly stubs: readonly string[];
}

/** Stands for a path that only the test itself knows: a file that must never be there. */
export const SENTINEL = '/tick-runtime-sentinel/';

const RUNS = new Set(['run', 'runFile', 'runInContext', 'compile']);
const LENGTH_MIN = 12;
const VARIANTS_MAX = 6;

export function extractPrograms(text: string): ExtractedPrograms {
  const tree = parseScript(text);
  if (tree === null) return { programs: [], stubs: [] };
  const file = new TestFile(text, tree);
  const programs = new Set<string>();
  for (const source of file.given()) if (source.trim() !== '') programs.add(source);
  const known = [...programs].join('\n');
  for (const source of file.texts()) if (!known.includes(source) && isProgram(source)) programs.add(source);
  return { programs: [...programs], stubs: file.stubs() };
}

function parseScript(text: string): Node | null {
  try {
    return parse(text, { ecmaVersion: 'latest', allowHashBang: true, allowReturnOutsideFunction: true });
  } catch {
    return null;
  }
}

function isProgram(text: string): boolean {
  return text.length >= LENGTH_MIN && /[(;={]/.test(text) && parseScript(text) !== null;
}

class TestFile {
  readonly #text: string;
  readonly #nodes: Node[] = [];
  /** Name → what it may stand for. */
  readonly #values = new Map<string, Node[]>();
  /** Local function → which of its parameters it runs. */
  readonly #runners = new Map<string, Set<number>>();
  /** Property name → its values, in any object of the file. */
  readonly #properties = new Map<string, Node[]>();

  constructor(text: string, tree: Node) {
    this.#text = text;
    for (const queue = [tree]; queue.length > 0; ) {
      const node = queue.pop() as Node;
      this.#nodes.push(node);
      queue.push(...childrenOf(node));
    }
    this.#nodes.sort((a, b) => a.start - b.start);
    for (const node of this.#nodes) this.#declare(node);
    // A helper may use another one.
    for (let before = -1; before !== this.#runners.size; ) {
      before = this.#runners.size;
      this.#findRunners();
    }
  }

  /** What is handed to something that runs it. */
  given(): string[] {
    return this.#nodes.flatMap((node) => this.#ranIn(node).flatMap((argument) => this.#resolve(argument, 0)));
  }

  /** Every other text of the file, but for the titles of its tests. */
  texts(): string[] {
    const titles = new Set(
      this.#nodes
        .filter((node) => node.type === 'CallExpression' && /^(?:it|describe)\b/.test(this.#source(node)))
        .map((node) => nodesAt(node, 'arguments')[0]),
    );
    return this.#nodes
      .filter((node) => node.type === 'Literal' || node.type === 'TemplateLiteral')
      .filter((node) => !titles.has(node))
      .flatMap((node) => this.#resolve(node, 0));
  }

  stubs(): string[] {
    const names = new Set<string>();
    const given = [...(this.#properties.get('sandbox') ?? []), ...(this.#values.get('sandbox') ?? [])];
    for (const property of given.flatMap((value) => nodesAt(value, 'properties'))) {
      const key = keyOf(property, 'key');
      if (key !== null && /^[\w$]+$/.test(key)) names.add(key);
    }
    for (const node of this.#nodes) {
      const called = keyOf(nodeAt(node, 'callee') ?? node, 'property');
      const at =
        called === 'setGlobal' ? 0 : called === 'freeze' || called === 'protect' || called === 'readonly' ? 1 : -1;
      const name = at < 0 ? undefined : fieldOf(nodesAt(node, 'arguments')[at], 'value');
      if (typeof name === 'string') names.add(name);
    }
    return [...names];
  }

  #source(node: Node): string {
    return this.#text.slice(node.start, node.end);
  }

  #declare(node: Node): void {
    if (node.type === 'VariableDeclarator') this.#bind(nodeAt(node, 'id'), nodeAt(node, 'init'));
    if (node.type === 'AssignmentExpression') this.#bind(nodeAt(node, 'left'), nodeAt(node, 'right'));
    if (node.type === 'FunctionDeclaration') this.#bind(nodeAt(node, 'id'), node);
    if (node.type === 'Property') {
      const key = keyOf(node, 'key');
      const value = nodeAt(node, 'value');
      if (key !== null && value !== null) append(this.#properties, key, value);
    }
    if (node.type === 'ForOfStatement') {
      const target = nodesAt(nodeAt(node, 'left'), 'declarations')[0];
      this.#bindEach(nodeAt(target, 'id'), nodeAt(node, 'right'));
    }
    const callee = nodeAt(node, 'callee');
    if (callee !== null && ['forEach', 'map'].includes(keyOf(callee, 'property') ?? '')) {
      const [visit] = nodesAt(node, 'arguments');
      this.#bindEach(nodesAt(visit, 'params')[0] ?? null, nodeAt(callee, 'object'));
    }
  }

  #bind(target: Node | null, value: Node | null): void {
    const name = nameOf(target);
    if (name !== null && value !== null) append(this.#values, name, value);
  }

  /** A loop over a list that is written out. */
  #bindEach(target: Node | null, list: Node | null): void {
    const name = nameOf(list);
    const lists = name === null ? (list === null ? [] : [list]) : (this.#values.get(name) ?? []);
    for (const item of lists.flatMap((one) => nodesAt(one, 'elements'))) {
      if (target?.type === 'ArrayPattern')
        for (const [index, part] of nodesAt(target, 'elements').entries())
          this.#bind(part, nodesAt(item, 'elements')[index] ?? null);
      else this.#bind(target, item);
    }
  }

  /** The arguments of a call that are run as a program. */
  #ranIn(node: Node): Node[] {
    if (node.type !== 'CallExpression' && node.type !== 'NewExpression') return [];
    const callee = nodeAt(node, 'callee');
    const given = nodesAt(node, 'arguments');
    const name = nameOf(callee);
    if (name === 'VMScript' || (callee?.type === 'MemberExpression' && RUNS.has(keyOf(callee, 'property') ?? '')))
      return given.slice(0, 1);
    return [...((name === null ? undefined : this.#runners.get(name)) ?? [])].flatMap((index) => given[index] ?? []);
  }

  #findRunners(): void {
    const functions: [string, Node][] = [...this.#values].flatMap(([name, nodes]) =>
      nodes.filter((node) => /Function/.test(node.type)).map((node): [string, Node] => [name, node]),
    );
    for (const [name, node] of functions) {
      const parameters = nodesAt(node, 'params').map(nameOf);
      const inside = this.#nodes.filter(({ start, end }) => start >= node.start && end <= node.end);
      const used = new Set(inside.flatMap((one) => this.#ranIn(one)).flatMap((argument) => this.#namesIn(argument)));
      for (const [index, parameter] of parameters.entries())
        if (parameter !== null && used.has(parameter))
          this.#runners.set(name, (this.#runners.get(name) ?? new Set()).add(index));
    }
  }

  #namesIn(node: Node): string[] {
    const name = nameOf(node);
    return name === null ? childrenOf(node).flatMap((child) => this.#namesIn(child)) : [name];
  }

  /** The texts that an expression may stand for; none where that cannot be seen. */
  #resolve(node: Node, depth: number): string[] {
    if (depth > 8) return [];
    const deeper = (other: Node | null): string[] => (other === null ? [] : this.#resolve(other, depth + 1));
    const value = fieldOf(node, 'value');
    switch (node.type) {
      case 'Literal':
        return typeof value === 'string' ? [value] : [];
      case 'TemplateLiteral':
        return this.#fill(node, depth);
      case 'TaggedTemplateExpression':
        return deeper(nodeAt(node, 'quasi'));
      case 'Identifier':
        return (this.#values.get(nameOf(node) as string) ?? []).flatMap(deeper).slice(0, VARIANTS_MAX);
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        return [this.#source(node)];
      case 'ConditionalExpression':
        return [...deeper(nodeAt(node, 'consequent')), ...deeper(nodeAt(node, 'alternate'))];
      case 'BinaryExpression':
        return cross(this.#orBlank(nodeAt(node, 'left'), depth), this.#orBlank(nodeAt(node, 'right'), depth));
      case 'MemberExpression':
        return (this.#properties.get(keyOf(node, 'property') ?? '') ?? []).flatMap(deeper).slice(0, VARIANTS_MAX);
      case 'CallExpression':
        return this.#call(node, depth);
      default:
        return [];
    }
  }

  #fill(node: Node, depth: number): string[] {
    const cooked = nodesAt(node, 'quasis').map((part) => {
      const { cooked: text, raw } = fieldOf(part, 'value') as { cooked?: string | null; raw: string };
      return text ?? raw;
    });
    const gaps = nodesAt(node, 'expressions');
    return cooked
      .slice(1)
      .reduce(
        (texts, part, index) => cross(cross(texts, this.#orBlank(gaps[index] ?? null, depth)), [part]),
        [cooked[0] ?? ''],
      );
  }

  #orBlank(node: Node | null, depth: number): string[] {
    const texts = node === null ? [] : this.#resolve(node, depth + 1);
    if (texts.length > 0) return texts;
    const value = fieldOf(node, 'value');
    return [typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'undefined'];
  }

  #call(node: Node, depth: number): string[] {
    const callee = nodeAt(node, 'callee');
    const object = nodeAt(callee, 'object');
    const method = callee === null ? null : keyOf(callee, 'property');
    const [first] = nodesAt(node, 'arguments');
    if (method === 'stringify' && nameOf(object) === 'JSON') {
      const texts = first === undefined ? [] : this.#resolve(first, depth + 1);
      return (texts.length > 0 ? texts : [SENTINEL]).map((text) => JSON.stringify(text));
    }
    if (method === 'join' && object?.type === 'ArrayExpression') {
      const separator = fieldOf(first, 'value');
      const lines = nodesAt(object, 'elements').map((line) => this.#orBlank(line, depth));
      return lines
        .slice(1)
        .reduce(
          (texts, line) => cross(cross(texts, [typeof separator === 'string' ? separator : ',']), line),
          lines[0] ?? [],
        );
    }
    if (object !== null && ['toString', 'trim', 'replace', 'trimStart'].includes(method ?? ''))
      return this.#resolve(object, depth + 1);
    return [];
  }
}

function append(map: Map<string, Node[]>, key: string, node: Node): void {
  const nodes = map.get(key);
  if (nodes === undefined) map.set(key, [node]);
  else nodes.push(node);
}

/** Every beginning with every end, but no more than a few. */
function cross(beginnings: readonly string[], ends: readonly string[]): string[] {
  return beginnings.flatMap((beginning) => ends.map((end) => beginning + end)).slice(0, VARIANTS_MAX);
}
