/** 1,000 JavaScript workers at 1 s: how late ticks begin, what an idle worker costs, and what an endless loop does to the others. */
import { observe, openEngine, percentile, report, rssBytes, startWorkers } from './harness.ts';

const WORKERS = 1_000;
const engine = await openEngine();
const { runtime } = engine;
// A first worker brings the cell up, so that what the thousand add can be told apart.
await startWorkers(runtime, 1, { intervalMs: 3_600_000, name: 'first' });
const pid = runtime.status().cells[0]?.pid ?? 0;
const before = rssBytes(pid);
const from = performance.now();
await startWorkers(runtime, WORKERS, { intervalMs: 1_000 });
const startMs = performance.now() - from;
const idle = (rssBytes(pid) - before) / WORKERS / 1_048_576;
await observe(runtime, 3_000);
const quiet = await observe(runtime, 15_000);
const skipped = quiet.ticks.reduce((sum, tick) => sum + tick.skipped, 0);
const lateness = quiet.ticks.map((tick) => tick.latenessMs);

await runtime.deploy({
  name: 'loop',
  source: { kind: 'files', entry: 'w.js', files: [{ path: 'w.js', text: 'export function tick() { for (;;); }' }] },
  schedule: { kind: 'interval', intervalMs: 1_000 },
  tickTimeoutMs: 60_000,
});
await runtime.startWorker('loop');
await observe(runtime, 1_000);
const disturbed = (await observe(runtime, 15_000)).ticks.filter((tick) => tick.worker !== 'default/loop');
await runtime.stopWorker('loop', { now: true });
await engine.close();
const late = disturbed.map((tick) => tick.latenessMs);
const total = (ticks: readonly { latenessMs: number; durationMs: number }[]): number[] =>
  ticks.map((tick) => tick.latenessMs + tick.durationMs);
report('lateness', {
  'start of 1,000 workers, ms': startMs,
  'RSS per loaded worker, MiB (aim <= 1.5)': idle,
  'lateness p50, ms': percentile(lateness, 0.5),
  'lateness p99, ms (aim <= 15)': percentile(lateness, 0.99),
  'skipped (aim 0)': skipped,
  'due to done p99, ms': percentile(total(quiet.ticks), 0.99),
  'node CPU per tick, us': quiet.cpuUs / quiet.ticks.length,
  'lateness p99 beside a loop, ms': percentile(late, 0.99),
  'due to done p99 beside a loop, ms (aim <= 50 more)': percentile(total(disturbed), 0.99),
  'skipped beside a loop': disturbed.reduce((sum, tick) => sum + tick.skipped, 0),
});
