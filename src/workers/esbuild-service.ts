/**
 * esbuild is one child process for all builds of this node. A hostile source can hang or crash it, and then every build in
 * flight fails with it. So each build has a time limit, and builds that a crash took along are tried once more, each alone:
 * the one that crashes it again is the culprit.
 */
import * as esbuild from 'esbuild';

/** One build; measured from its own start, not from when it was queued. */
const BUILD_MS_MAX = 5_000;
/** More at once only adds latency: esbuild itself uses every core. */
const BUILDS_AT_ONCE = 4;

/** A build that could not be judged by esbuild: its source hangs or crashes the compiler. */
export class CompilerLost extends Error {}

type Attempt<T> = { readonly kind: 'done'; readonly value: T } | { readonly kind: 'lost'; readonly reason: string };

/** Lets several builds run at once, or exactly one. */
class Gate {
  #active = 0;
  #exclusive = false;
  readonly #waiting: { readonly alone: boolean; readonly enter: () => void }[] = [];

  async run<T>(alone: boolean, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((enter) => {
      this.#waiting.push({ alone, enter });
      this.#admit();
    });
    try {
      return await work();
    } finally {
      this.#active -= 1;
      this.#exclusive = false;
      this.#admit();
    }
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#exclusive || this.#active >= (next.alone ? 1 : BUILDS_AT_ONCE)) return;
      this.#waiting.shift();
      this.#active += 1;
      this.#exclusive = next.alone;
      next.enter();
    }
  }
}

// esbuild keeps one service per process by itself, so what guards it exists once as well.
const gate = new Gate();
const inFlight = new Set<(reason: string) => void>();

/** Runs `work` (one call of esbuild). Rejects with what esbuild found, or with {@link CompilerLost}. */
export async function withCompiler<T>(
  work: (compiler: typeof esbuild) => Promise<T>,
  limitMs = BUILD_MS_MAX,
): Promise<T> {
  const first = await gate.run(false, () => attempt(work, limitMs));
  if (first.kind === 'done') return first.value;
  const second = await gate.run(true, () => attempt(work, limitMs));
  if (second.kind === 'done') return second.value;
  throw new CompilerLost(second.reason);
}

/** Ends the service; the next build starts another one. */
export async function closeCompiler(): Promise<void> {
  lose('the compiler was closed');
  await esbuild.stop();
}

async function attempt<T>(work: (compiler: typeof esbuild) => Promise<T>, limitMs: number): Promise<Attempt<T>> {
  let report: (outcome: Attempt<T>) => void = () => undefined;
  const lost = new Promise<Attempt<T>>((resolve) => {
    report = resolve;
  });
  const onLost = (reason: string): void => report({ kind: 'lost', reason });
  inFlight.add(onLost);
  const timer = setTimeout(() => lose(`compiling took longer than ${limitMs / 1000} s`), limitMs);
  try {
    const built = work(esbuild).then((value): Attempt<T> => ({ kind: 'done', value }));
    // After `lost` has won nobody looks at this promise any more.
    built.catch(() => undefined);
    return await Promise.race([built, lost]);
  } catch (error) {
    if (!isServiceFailure(error)) throw error;
    lose('the compiler crashed on the source');
    return { kind: 'lost', reason: 'the compiler crashed on the source' };
  } finally {
    clearTimeout(timer);
    inFlight.delete(onLost);
  }
}

/** `stop` settles no promise of the builds it ends, so they are told here. */
function lose(reason: string): void {
  void esbuild.stop();
  for (const onLost of inFlight) onLost(reason);
  inFlight.clear();
}

function isServiceFailure(error: unknown): boolean {
  return error instanceof Error && /^The service (was stopped|is no longer running)/.test(error.message);
}
