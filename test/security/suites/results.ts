/** Verdicts on disk, a line each: a run that was cut off goes on where it was. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CellDeath, Verdict } from './program.ts';

export interface NodeDeath {
  readonly how: string;
  readonly running: readonly string[];
}

type Line =
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'cell-death'; readonly death: CellDeath }
  | { readonly kind: 'node-death'; readonly death: NodeDeath }
  | { readonly kind: 'touched'; readonly what: string };

export class Results {
  readonly verdicts = new Map<string, Verdict>();
  readonly cellDeaths: CellDeath[] = [];
  readonly nodeDeaths: NodeDeath[] = [];
  /** Canaries of the host that something touched. */
  readonly touched: string[] = [];
  readonly #file: string;

  constructor(folder: string, name: string) {
    mkdirSync(folder, { recursive: true });
    this.#file = join(folder, `${name}.jsonl`);
    if (!existsSync(this.#file)) return;
    const lines = readFileSync(this.#file, 'utf8').split('\n');
    // Half a line is left of a run that was killed.
    const half = lines.pop() ?? '';
    if (half !== '') writeFileSync(this.#file, lines.map((line) => `${line}\n`).join(''));
    for (const line of lines) this.#take(JSON.parse(line) as Line);
  }

  add(line: Line): void {
    this.#take(line);
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  #take(line: Line): void {
    switch (line.kind) {
      case 'verdict':
        this.verdicts.set(line.verdict.id, line.verdict);
        break;
      case 'cell-death':
        this.cellDeaths.push(line.death);
        break;
      case 'node-death':
        this.nodeDeaths.push(line.death);
        break;
      case 'touched':
        this.touched.push(line.what);
    }
  }
}
