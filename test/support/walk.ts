/** The walker of test/security/walk, and what it finds in an isolate that holds nothing but the language. */
import { readFileSync } from 'node:fs';
import { ivm } from '../../sandbox/isolate/ivm.ts';

export const WALKER = readFileSync(new URL('../security/walk/walker.js', import.meta.url), 'utf8');
export const NODES_MAX = 200_000;

export interface WalkReport {
  readonly nodes: number;
  /** There was more than it may walk. */
  readonly cut: boolean;
  /** Of another realm. */
  readonly foreign: readonly string[];
  /** Named as isolated-vm names its handles and what they have. */
  readonly named: readonly string[];
  /** Native code that the language does not have. */
  readonly strange: readonly string[];
  /** Ways to memory that no limit counts. */
  readonly uncounted: readonly string[];
  readonly natives: Readonly<Record<string, string>>;
}

/** Walks the global object and one of everything, in this context; `more` is JavaScript that walks further, with `w`; `options` are the walker's. */
export async function walkContext(
  context: ivm.Context,
  known: readonly string[] | null,
  { more = '', options = '{}' }: { readonly more?: string; readonly options?: string } = {},
): Promise<WalkReport> {
  const json = await context.evalClosure(
    `${WALKER}
    const w = createWalker(${NODES_MAX}, $0 === null ? null : new Set(JSON.parse($0)), ${options});
    w.walk(globalThis, 'globalThis');
    w.walk(createSpecimens(), 'specimens');
    ${more};
    return w.settle().then(() => JSON.stringify(w.report()));`,
    [known === null ? null : JSON.stringify(known)],
    { result: { promise: true, copy: true }, timeout: 20_000 },
  );
  return JSON.parse(json as string) as WalkReport;
}

/** Signatures of the native functions of the language, without the globals that are `taken` away. */
export async function nativesOfLanguage(taken: readonly string[]): Promise<readonly string[]> {
  const isolate = new ivm.Isolate({ memoryLimit: 256 });
  const context = await isolate.createContext();
  await context.eval(taken.map((name) => `delete globalThis.${name};`).join(''));
  const { natives } = await walkContext(context, null);
  isolate.dispose();
  return Object.keys(natives);
}
