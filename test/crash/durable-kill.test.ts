import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { shareCache } from '../support/engine.ts';
import { type Exchange, startExchange } from '../support/exchange.ts';
import { folderWith } from '../support/folder.ts';
import { seededRandom } from '../support/random.ts';

const CHILD = fileURLToPath(new URL('../support/exchange-child.ts', import.meta.url));
const KILLS = 8;
const LIMIT_MS = 40_000;
const NAMES = ['js', 'py'] as const;

interface Line {
  readonly kind: 'saw' | 'tick' | 'recovered';
  readonly worker: string;
  readonly tick?: number;
  readonly status?: string;
  readonly symbol?: string;
  readonly outcome?: string;
  readonly error?: string | null;
  readonly n?: number;
}

interface Node {
  readonly child: ChildProcess;
  readonly lines: readonly Line[];
  until(holds: (lines: readonly Line[]) => boolean): Promise<void>;
  kill(): Promise<void>;
}

function startNode(dataDir: string, { url }: Exchange): Node {
  const child = spawn(process.execPath, [CHILD, dataDir, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: Line[] = [];
  const ended = once(child, 'close');
  createInterface({ input: child.stdout }).on('line', (text) => {
    // The last line of a killed process may be cut off.
    try {
      lines.push(JSON.parse(text) as Line);
    } catch {}
  });
  return {
    child,
    lines,
    until: (holds) => expect.poll(() => holds(lines), { timeout: LIMIT_MS, interval: 5 }).toBe(true),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function startTrading(): Promise<{ exchange: Exchange; start: () => Node }> {
  const exchange = await startExchange();
  onTestFinished(() => exchange.close());
  const dataDir = folderWith();
  shareCache(dataDir);
  return { exchange, start: () => startNode(dataDir, exchange) };
}

const ticksOf = (lines: readonly Line[], name: string): readonly Line[] =>
  lines.filter(({ kind, worker }) => kind === 'tick' && worker === `default/${name}`);

describe('kill -9 of a node that trades', () => {
  test('between the sending of an order and its outcome: it is known before the first tick, and never sent again', {
    timeout: 120_000,
  }, async () => {
    const { exchange, start } = await startTrading();
    exchange.troubles.push('hold', 'hold');
    const first = start();
    await expect.poll(() => exchange.orders.size, { timeout: LIMIT_MS }).toBe(2);
    await first.kill();
    expect(ticksOf(first.lines, 'js')).toEqual([]);
    const second = start();
    await second.until((lines) => NAMES.every((name) => ticksOf(lines, name).length > 2));
    await second.kill();
    for (const name of NAMES) {
      const seen = second.lines.filter(({ kind, worker }) => kind === 'saw' && worker === `default/${name}`);
      const [firstTick] = ticksOf(second.lines, name);
      expect(seen, name).toMatchObject([{ status: 'done', symbol: `${name}0`, tick: firstTick?.tick }]);
    }
    expect(new Set(exchange.sent.values())).toEqual(new Set([1]));
  });

  test(`${KILLS} times at any moment: each order is there once, none is left out, and the worker knows of each`, {
    timeout: 180_000,
  }, async () => {
    const random = seededRandom('durable-kill');
    const { exchange, start } = await startTrading();
    const outcomes = new Set<unknown>();
    for (let kill = 0; kill <= KILLS; kill++) {
      const node = start();
      for (let i = 0; i < 6; i++) {
        exchange.troubles.push('none', 'none', 'none');
        exchange.troubles.push(
          (['cut-after', 'cut-before', 'fail-after', 'fail-before', 'late'] as const)[Math.floor(random() * 5)] ??
            'none',
        );
      }
      await node.until((lines) => NAMES.every((name) => ticksOf(lines, name).length > 1));
      const orders = exchange.orders.size + Math.floor(random() * 20) + 2;
      await expect.poll(() => exchange.orders.size, { timeout: LIMIT_MS, interval: 1 }).toBeGreaterThan(orders);
      exchange.troubles.length = 0;
      if (kill < KILLS) await node.kill();
      else {
        node.child.kill('SIGTERM');
        expect(await once(node.child, 'close')).toEqual([0, null]);
      }
      for (const { kind, outcome } of node.lines) if (kind === 'tick') outcomes.add(outcome);
    }
    expect(outcomes).toEqual(new Set(['ok']));
    expect(new Set(exchange.sent.values()), 'no id was sent twice').toEqual(new Set([1]));
    const response = await fetch(`${exchange.url}/orders`);
    const symbols = ((await response.json()) as { symbol: string }[]).map(({ symbol }) => symbol);
    expect(symbols.length).toBeGreaterThan(8 * KILLS);
    for (const name of NAMES) {
      const own = symbols.filter((symbol) => symbol.startsWith(name));
      expect(own, 'one after the other, each once').toEqual(own.map((_, i) => `${name}${i}`));
    }
  });
});
