/** What a file of test262 asks of whoever runs it (its INTERPRETING.md), and how often and with what we run it, or why not. */
import { parse } from 'yaml';

export interface Negative {
  readonly phase: 'parse' | 'resolution' | 'runtime';
  /** Name of the constructor of the error. */
  readonly type: string;
}

export interface FrontMatter {
  readonly flags: readonly string[];
  readonly features: readonly string[];
  readonly includes: readonly string[];
  readonly negative: Negative | null;
}

export interface Test262Run {
  readonly strict: boolean;
  readonly isAsync: boolean;
  /** Files of `harness/`, in their order. */
  readonly harness: readonly string[];
  readonly negative: Negative | null;
}

export type Test262Plan =
  | { readonly kind: 'run'; readonly runs: readonly Test262Run[] }
  | { readonly kind: 'skip'; readonly reason: string };

/** What a JavaScript worker has not, on purpose: feature of test262 → why. */
const ABSENT = new Map([
  ['SharedArrayBuffer', 'no shared memory'],
  ['Atomics', 'no shared memory'],
  ['Atomics.waitAsync', 'no shared memory'],
  ['Atomics.pause', 'no shared memory'],
  ['resizable-arraybuffer', 'no resizable buffers'],
  ['dynamic-import', 'no import at run time'],
  ['import-attributes', 'no import at run time'],
  ['import-defer', 'no import at run time'],
  ['import-text', 'no import at run time'],
  ['import-bytes', 'no import at run time'],
  ['json-modules', 'no import at run time'],
  ['source-phase-imports', 'no import at run time'],
  ['source-phase-imports-module-source', 'no import at run time'],
  ['ShadowRealm', 'one realm'],
  ['cross-realm', 'one realm'],
  ['IsHTMLDDA', 'nothing of a browser'],
  ['host-gc-required', 'no garbage collection on request'],
]);

/** Of the object `$262` only what needs nothing of the host. */
const HOST_CALL = /\$262\s*\.\s*(createRealm|agent|gc|AbstractModuleSource|IsHTMLDDA)\b/;
const BLOCK = /\/\*---\r?\n?([\s\S]*?)---\*\//;

export function parseFrontMatter(text: string): FrontMatter {
  const yaml = BLOCK.exec(text)?.[1] ?? '';
  // A few files end their lines with a carriage return alone.
  const fields = (parse(yaml.replaceAll(/\r\n?/g, '\n')) ?? {}) as Record<string, unknown>;
  const negative = fields['negative'] as Negative | undefined;
  return {
    flags: listOf(fields['flags']),
    features: listOf(fields['features']),
    includes: listOf(fields['includes']),
    negative: negative === undefined ? null : { phase: negative.phase, type: String(negative.type) },
  };
}

/** `once`: a test that is for both modes runs in sloppy mode only. */
export function planTest262(text: string, once: boolean): Test262Plan {
  let front: FrontMatter;
  try {
    front = parseFrontMatter(text);
  } catch {
    return { kind: 'skip', reason: 'front matter that is no YAML' };
  }
  const { flags, negative } = front;
  const reason = skipReason(front, text);
  if (reason !== null) return { kind: 'skip', reason };
  const isRaw = flags.includes('raw');
  const isAsync = flags.includes('async');
  const harness = isRaw ? [] : ['assert.js', 'sta.js', ...(isAsync ? ['doneprintHandle.js'] : []), ...front.includes];
  const run = (strict: boolean): Test262Run => ({ strict, isAsync, harness, negative });
  if (isRaw || flags.includes('noStrict')) return { kind: 'run', runs: [run(false)] };
  if (flags.includes('onlyStrict')) return { kind: 'run', runs: [run(true)] };
  return { kind: 'run', runs: once ? [run(false)] : [run(false), run(true)] };
}

function skipReason({ flags, features }: FrontMatter, text: string): string | null {
  if (flags.includes('module')) return 'a module (a worker is bundled into one script)';
  if (flags.some((flag) => flag.startsWith('CanBlockIs'))) return 'no shared memory';
  const absent = features.find((feature) => ABSENT.has(feature));
  if (absent !== undefined) return ABSENT.get(absent) as string;
  const call = HOST_CALL.exec(text)?.[1];
  if (call === undefined) return null;
  if (call === 'agent') return 'no shared memory';
  return call === 'createRealm' ? 'one realm' : 'a call of the host';
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** Files are evaluated one after the other by `eval`, which keeps their constants to itself: they become variables. */
export function harnessScript(text: string): string {
  return text.replaceAll(/^(?:const|let) /gm, 'var ');
}
