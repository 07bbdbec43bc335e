/** What the benches share: an engine in a temporary folder, workers by the thousand, waiting, percentiles, and the result line. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime, type Runtime, type RuntimeOptions, type TickRecord } from '../src/index.ts';

export interface Bench {
  readonly runtime: Runtime;
  close(): Promise<void>;
}

export async function openEngine(options: Partial<RuntimeOptions> = {}): Promise<Bench> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tick-bench-'));
  const runtime = createRuntime({
    dataDir,
    minIntervalMs: 10,
    log: (level, message) => {
      if (level === 'warn' || level === 'error') console.error(`engine ${level}: ${message}`);
    },
    ...options,
  });
  await runtime.start();
  return {
    runtime,
    async close() {
      await runtime.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export const COUNTER_JS = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;
export const COUNTER_PY = `def tick(ctx):\n    ctx.state.set("n", ctx.state.get("n", 0) + 1)\n`;

/** Deploys and starts `count` workers; resolves when each has ticked once. */
export async function startWorkers(
  runtime: Runtime,
  count: number,
  options: { readonly code?: string; readonly python?: boolean; readonly intervalMs: number; readonly name?: string },
): Promise<void> {
  const { code = options.python === true ? COUNTER_PY : COUNTER_JS, intervalMs, name = 'w' } = options;
  const entry = options.python === true ? 'worker.py' : 'worker.js';
  const waiting = new Set(Array.from({ length: count }, (_, i) => `default/${name}${i}`));
  const ticked = new Promise<void>((resolve) => {
    const stop = runtime.on('tick', ({ worker }) => {
      waiting.delete(worker);
      if (waiting.size > 0) return;
      stop();
      resolve();
    });
  });
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      await runtime.deploy({
        name: `${name}${i}`,
        source: { kind: 'files', entry, files: [{ path: entry, text: code }] },
        schedule: { kind: 'interval', intervalMs },
      });
      await runtime.startWorker(`${name}${i}`);
    }),
  );
  await ticked;
}

export interface Window {
  readonly ticks: readonly TickRecord[];
  readonly ms: number;
  /** CPU of this process (engine, its threads and the bench itself), µs. */
  readonly cpuUs: number;
}

/** Everything that ticks during `ms`. */
export async function observe(runtime: Runtime, ms: number): Promise<Window> {
  const ticks: TickRecord[] = [];
  const stop = runtime.on('tick', (tick) => void ticks.push(tick));
  const from = performance.now();
  const before = process.cpuUsage();
  await delay(ms);
  const { user, system } = process.cpuUsage(before);
  stop();
  return { ticks, ms: performance.now() - from, cpuUs: user + system };
}

/** What is counted of all that ticks during `ms`: a million records kept would cost the process more than the bench measures. */
export async function countTicks(
  runtime: Runtime,
  ms: number,
): Promise<{ readonly count: number; readonly ms: number; readonly cpuUs: number; readonly durations: Float64Array }> {
  const durations = new Float64Array(1_000_000);
  let count = 0;
  const stop = runtime.on('tick', ({ durationMs }) => {
    durations[count++ % durations.length] = durationMs;
  });
  const from = performance.now();
  const before = process.cpuUsage();
  await delay(ms);
  const { user, system } = process.cpuUsage(before);
  stop();
  const kept = durations.subarray(0, Math.min(count, durations.length));
  return { count, ms: performance.now() - from, cpuUs: user + system, durations: kept };
}

export const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function percentile(values: Iterable<number>, share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export function rssBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * 4_096;
}

/** Prints the figures and keeps them with machine, Node version and commit. */
export function report(name: string, figures: Record<string, number | string>): void {
  const rounded = Object.fromEntries(
    Object.entries(figures).map(([key, value]) => [
      key,
      typeof value === 'number' ? Number(value.toPrecision(4)) : value,
    ]),
  );
  console.table(rounded);
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const result = {
    bench: name,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    node: process.version,
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    date: new Date().toISOString().slice(0, 10),
    figures: rounded,
  };
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
}
