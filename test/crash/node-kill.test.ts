import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { isAlive, shareCache } from '../support/engine.ts';
import { folderWith } from '../support/folder.ts';
import { NAMES } from '../support/lineage.ts';
import { seededRandom } from '../support/random.ts';

const CHILD = fileURLToPath(new URL('../support/engine-child.ts', import.meta.url));
const KILLS = 20;
/** Of lines, after which a node is killed: from before its first cell to a second of full work. */
const LINES_MAX = 600;
const READY_LIMIT_MS = 30_000;

type Line =
  | { readonly kind: 'recovered'; readonly worker: string; readonly state: Readonly<Record<string, number>> }
  | { readonly kind: 'started' }
  | { readonly kind: 'cell'; readonly pid: number; readonly event: string }
  | { readonly kind: 'state'; readonly worker: string; readonly n?: number; readonly twin?: number }
  | { readonly kind: 'begin'; readonly worker: string; readonly tick: number }
  | {
      readonly kind: 'tick';
      readonly worker: string;
      readonly tick: number;
      readonly outcome: string;
      readonly error: string | null;
    };

interface Node {
  readonly child: ChildProcess;
  readonly lines: readonly Line[];
  /** Resolves when this is true of the lines so far. */
  until(what: string, holds: (lines: readonly Line[]) => boolean): Promise<void>;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
}

function startNode(dataDir: string, workers: 'lineage' | 'loop' = 'lineage'): Node {
  const child = spawn(process.execPath, [CHILD, dataDir, workers], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: Line[] = [];
  const watchers = new Set<() => void>();
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    // The last line of a killed process may be cut off.
    try {
      lines.push(JSON.parse(text) as Line);
    } catch {
      return;
    }
    for (const watcher of watchers) watcher();
  });
  const ended = once(child, 'close').then((list) => {
    const [code, signal] = list as [number | null, string | null];
    return { code, signal };
  });
  return {
    child,
    lines,
    ended,
    until: (what, holds) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`the node never ${what}: ${errors}`)), READY_LIMIT_MS);
        void ended.then(() => reject(new Error(`the node ended before it ${what}: ${errors}`)));
        const look = (): void => {
          if (!holds(lines)) return;
          clearTimeout(timer);
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
  };
}

/** What is known of the workers over all nodes, and what must therefore hold of the next one. */
class Oracle {
  readonly acknowledged = new Map<string, number>();
  readonly #begun = new Map<string, number>();
  ticks = 0;

  /** The state that a start found. */
  checkRecovered(worker: string, state: Readonly<Record<string, number>>): void {
    const { n = 0, twin = 0, tick = 0 } = state;
    const known = this.acknowledged.get(worker) ?? 0;
    expect(n, `${worker}: the acknowledged count is there`).toBeGreaterThanOrEqual(known);
    expect(n, `${worker}: at most the commit in flight is there beyond it`).toBeLessThanOrEqual(known + 1);
    expect(twin, `${worker}: an update is never torn`).toBe(n);
    expect(tick).toBeLessThanOrEqual(this.#begun.get(worker) ?? 0);
    this.acknowledged.set(worker, n);
  }

  take(lines: readonly Line[]): void {
    for (const line of lines) {
      if (line.kind === 'recovered') this.checkRecovered(line.worker, line.state);
      else if (line.kind === 'state' && line.n !== undefined) {
        expect(line.n, `${line.worker} counts up by one`).toBe((this.acknowledged.get(line.worker) ?? 0) + 1);
        expect(line.twin).toBe(line.n);
        this.acknowledged.set(line.worker, line.n);
      } else if (line.kind === 'begin') {
        expect(line.tick, `${line.worker}: a tick number is used once`).toBeGreaterThan(
          this.#begun.get(line.worker) ?? 0,
        );
        this.#begun.set(line.worker, line.tick);
      } else if (line.kind === 'tick') {
        expect([line.outcome, line.error], `${line.worker} #${line.tick}`).toEqual(['ok', null]);
        this.ticks += 1;
      }
    }
  }
}

const pidsOf = (lines: readonly Line[]): number[] => [
  ...new Set(lines.flatMap((line) => (line.kind === 'cell' ? [line.pid] : []))),
];

async function expectCellsGone(node: Node): Promise<void> {
  const left = (): number[] => pidsOf(node.lines).filter(isAlive);
  await vi.waitFor(() => expect(left(), 'cells that outlived their node').toEqual([]), {
    timeout: 5_000,
    interval: 20,
  });
}

describe('kill -9 of the node', () => {
  test(`${KILLS} times in a row on one folder: nothing acknowledged is lost, torn, repeated or taken back, and no cell stays`, {
    timeout: 150_000,
  }, async () => {
    const random = seededRandom('node-kill');
    const dataDir = folderWith();
    shareCache(dataDir);
    const oracle = new Oracle();
    for (let kill = 0; kill < KILLS; kill++) {
      const node = startNode(dataDir);
      // Every fourth dies early, while its workers are being loaded; the others after real work.
      const lines = kill % 4 === 3 ? random() * 12 : 60 + random() * LINES_MAX;
      await node.until(`said ${lines} lines`, (seen) => seen.length >= lines);
      node.child.kill('SIGKILL');
      expect(await node.ended).toEqual({ code: null, signal: 'SIGKILL' });
      oracle.take(node.lines);
      await expectCellsGone(node);
    }
    const last = startNode(dataDir);
    await last.until('ticked with every worker', (lines) =>
      NAMES.every((name) => lines.some((line) => line.kind === 'tick' && line.worker === `default/${name}`)),
    );
    last.child.kill('SIGTERM');
    expect(await last.ended).toEqual({ code: 0, signal: null });
    oracle.take(last.lines);
    for (const name of NAMES) expect(oracle.acknowledged.get(`default/${name}`) ?? 0).toBeGreaterThan(0);
    expect(oracle.ticks).toBeGreaterThan(200);
  });

  test('SIGTERM lets ticks in flight end, stores everything, ends the cells and exits with 0', {
    timeout: 60_000,
  }, async () => {
    const dataDir = folderWith();
    shareCache(dataDir);
    const oracle = new Oracle();
    const node = startNode(dataDir);
    await node.until('ticked with every worker', (lines) =>
      NAMES.every(
        (name) => lines.filter((line) => line.kind === 'tick' && line.worker === `default/${name}`).length > 2,
      ),
    );
    node.child.kill('SIGTERM');
    expect(await node.ended).toEqual({ code: 0, signal: null });
    expect(pidsOf(node.lines).filter(isAlive)).toEqual([]);
    oracle.take(node.lines);
    // Every tick that began has ended, and its count is stored.
    for (const name of NAMES) {
      const worker = `default/${name}`;
      const begun = node.lines.filter((line) => line.kind === 'begin' && line.worker === worker).length;
      const ended = node.lines.filter((line) => line.kind === 'tick' && line.worker === worker).length;
      expect(ended, worker).toBe(begun);
      expect(oracle.acknowledged.get(worker), worker).toBe(begun);
    }
    const next = startNode(dataDir);
    await next.until('recovered', (lines) => lines.some(({ kind }) => kind === 'started'));
    const known = new Map(oracle.acknowledged);
    for (const line of next.lines) if (line.kind === 'recovered') expect(line.state['n']).toBe(known.get(line.worker));
    expect(next.lines.filter(({ kind }) => kind === 'recovered')).toHaveLength(NAMES.length);
    next.child.kill('SIGKILL');
    await next.ended;
  });

  test('ends its cells within 5 s although guests in them loop for ever and write nothing', {
    timeout: 60_000,
  }, async () => {
    const dataDir = folderWith();
    shareCache(dataDir);
    const node = startNode(dataDir, 'loop');
    await node.until('began both loops', (lines) => lines.filter(({ kind }) => kind === 'begin').length === 2);
    expect(pidsOf(node.lines).filter(isAlive)).toHaveLength(2);
    node.child.kill('SIGKILL');
    await node.ended;
    await expectCellsGone(node);
  });
});
