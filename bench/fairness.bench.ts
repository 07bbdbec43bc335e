/**
 * How late are workers that need little, beside workers that want every processor? 100 counters, five times a second each: alone; beside
 * ten endless loops in their own workspace; beside ten in another; beside a workspace whose ticks need ten times the machine. Each is
 * set against the same counters alone, in the same run.
 */
import { availableParallelism } from 'node:os';
import type { Runtime } from '../src/index.ts';
import { COUNTER_JS, delay, observe, openEngine, percentile, report } from './harness.ts';

const COUNTERS = 100;
const SPINNERS = 5 * availableParallelism();
const WINDOW_MS = 10_000;
const spin = (ms: number): string =>
  `export function tick() { const until = Date.now() + ${ms}; while (Date.now() < until); }`;

async function add(
  runtime: Runtime,
  workspace: string,
  count: number,
  code: string,
  intervalMs: number,
): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const files = [{ path: 'worker.js', text: code }];
      const name = `w${i}${code === COUNTER_JS ? '' : '-busy'}`;
      const schedule = { kind: 'interval', intervalMs } as const;
      await runtime.deploy({ workspace, name, source: { kind: 'files', entry: 'worker.js', files }, schedule });
      await runtime.startWorker(`${workspace}/${name}`);
    }),
  );
}

interface Seen {
  readonly p50: number;
  readonly p99: number;
  readonly skipped: number;
  /** Processor time of the counters and of the others, ms. */
  readonly mine: number;
  readonly theirs: number;
}

async function measure(
  busy: { readonly workspace: string; readonly count: number; readonly ms: number } | null,
): Promise<Seen> {
  const engine = await openEngine({ log: () => undefined });
  const { runtime } = engine;
  await add(runtime, 'default', COUNTERS, COUNTER_JS, 200);
  if (busy !== null) await add(runtime, busy.workspace, busy.count, spin(busy.ms), 100);
  await delay(3_000);
  const { ticks } = await observe(runtime, WINDOW_MS);
  await engine.runtime.stop({ now: true });
  await engine.close();
  const isMine = ({ worker }: { readonly worker: string }): boolean => !worker.endsWith('-busy');
  const mine = ticks.filter(isMine);
  const lateness = mine.map(({ latenessMs }) => latenessMs);
  const cpu = (of: typeof ticks): number => of.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  return {
    p50: percentile(lateness, 0.5),
    p99: percentile(lateness, 0.99),
    skipped: mine.reduce((sum, { skipped }) => sum + skipped, 0),
    mine: cpu(mine),
    theirs: cpu(ticks.filter((tick) => !isMine(tick))),
  };
}

const alone = await measure(null);
const within = await measure({ workspace: 'default', count: SPINNERS, ms: 3_600_000 });
const beside = await measure({ workspace: 'other', count: SPINNERS, ms: 3_600_000 });
const greedy = await measure({ workspace: 'greedy', count: 50 * availableParallelism(), ms: 20 });
report('fairness', {
  'lateness alone p50, ms': alone.p50,
  'lateness alone p99, ms': alone.p99,
  'p99 beside loops of its workspace, ms more (aim <= 100)': within.p99 - alone.p99,
  'p99 beside loops of another, ms more (aim <= 100)': beside.p99 - alone.p99,
  'p99 beside a greedy workspace, ms more (aim <= 100)': greedy.p99 - alone.p99,
  'slots skipped, of 5,000 each': [alone, within, beside, greedy].map(({ skipped }) => skipped).join(', '),
  'cores that the greedy workspace got': greedy.theirs / WINDOW_MS,
});
