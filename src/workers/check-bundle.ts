/** Questions about a finished bundle: is there a `tick`, and does `setup` bind globals? Asked without running it. */
import { isFunction, type Node, parseTolerant } from './ast.ts';
import { type BundleExports, bundleBody, findExports, propertyOf } from './bundle-exports.ts';
import { positionAt } from './problems.ts';
import { setupBindsGlobals } from './setup-binds.ts';
import type { FindPosition } from './stack.ts';

export interface BundleFacts {
  /** `unknown`: decided when it runs; the sandbox judges. */
  readonly tick: 'function' | 'missing' | 'unknown';
  readonly setupBindsGlobals: boolean;
}

const NOTHING_KNOWN: BundleFacts = { tick: 'unknown', setupBindsGlobals: false };

export function checkBundle(code: string, find: FindPosition): BundleFacts {
  try {
    const tree = parseTolerant(code, ['script']);
    if (tree === null) return NOTHING_KNOWN;
    const exports = findExports(bundleBody(tree));
    const tick = exportOf(exports, 'tick');
    const setup = exportOf(exports, 'setup');
    const isOwn = (offset: number): boolean => {
      const { line, column } = positionAt(code, offset);
      return find(line, column)?.file.startsWith('node_modules/') === false;
    };
    return {
      tick: tick === undefined || isPlainValue(tick) ? 'missing' : isFunction(tick) ? 'function' : 'unknown',
      setupBindsGlobals: isFunction(setup) && setupBindsGlobals({ setup, declared: exports.declared, isOwn }),
    };
  } catch (error) {
    // A tree too deep to be walked: then nothing is claimed about it.
    if (error instanceof RangeError) return NOTHING_KNOWN;
    throw error;
  }
}

/** `undefined`: surely not there; `null`: there or not, what it is cannot be seen. Mirrors the end of script.ts. */
function exportOf({ found, complete, declared }: BundleExports, name: string): Node | null | undefined {
  const named = found.get(name);
  if (named !== undefined) return named;
  if (!found.has('default')) return complete ? undefined : null;
  const other = found.get('default') ?? null;
  if (name === 'tick' && isFunction(other)) return other;
  if (isFunction(other) || isPlainValue(other) || other?.type.startsWith('Class') === true)
    return complete ? undefined : null;
  const property = propertyOf(other, name, declared);
  return property === undefined && !complete ? null : property;
}

function isPlainValue(node: Node | null): boolean {
  return node?.type === 'Literal' || node?.type === 'TemplateLiteral' || node?.type === 'ArrayExpression';
}
