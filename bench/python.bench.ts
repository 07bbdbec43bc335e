/** Python workers: boot, warm tick, resident memory. */
import { observe, openEngine, percentile, report, rssBytes, startWorkers } from './harness.ts';

const COUNT = 10;
const engine = await openEngine();
const { runtime } = engine;
await startWorkers(runtime, 1, { python: true, intervalMs: 3_600_000, name: 'first' });
const pid = runtime.status().cells[0]?.pid ?? 0;
const before = rssBytes(pid);
const boots: number[] = [];
for (let i = 0; i < COUNT; i++) {
  const from = performance.now();
  await startWorkers(runtime, 1, { python: true, intervalMs: 50, name: `p${i}-` });
  boots.push(performance.now() - from);
}
const rss = (rssBytes(pid) - before) / COUNT / 1_048_576;
// The first hundred ticks run code that is not compiled yet.
await observe(runtime, 8_000);
const { ticks } = await observe(runtime, 5_000);
const after = (rssBytes(pid) - before) / COUNT / 1_048_576;
await engine.close();
report('python', {
  'deploy to first tick p50, ms (boot: aim <= 350)': percentile(boots, 0.5),
  'warm tick p50, ms (aim <= 0.3)': percentile(
    ticks.map((tick) => tick.durationMs),
    0.5,
  ),
  'warm tick CPU p50, ms': percentile(
    ticks.map((tick) => tick.cpuMs),
    0.5,
  ),
  'RSS per resident worker, MiB (aim <= 110)': rss,
  'the same after some hundred ticks, MiB': after,
});
